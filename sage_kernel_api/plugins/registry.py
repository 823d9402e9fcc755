"""Which kernels there are: the installed ones, and those registered for this process.

Layer: plugins. Knows names and entries; makes no kernel.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

from sage_kernel_api.errors import AmbiguousKernelError, KernelLoadError, KernelNotFoundError
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.plugins.entries import Entry, Installed, installed_kernels
from sage_kernel_api.plugins.loading import load_offer
from sage_kernel_api.plugins.names import (
    KNOWN_DISTRIBUTIONS,
    RESERVED_NAMES,
    did_you_mean,
    fold_name,
)
from sage_kernel_api.plugins.registrar import KernelOffer, make_offer

__all__ = [
    "KernelInfo",
    "available_kernels",
    "find_entry",
    "find_offer",
    "register_kernel",
    "unregister_kernel",
]

OptionsT = TypeVar("OptionsT")
_REGISTERED: dict[str, KernelOffer] = {}
_LOADED: dict[Entry, KernelOffer] = {}
_LOCK = threading.RLock()


@dataclass(frozen=True, slots=True)
class KernelInfo:
    """One kernel that could be chosen, as far as metadata tells.

    Attributes:
        name: What selects it; empty for a distribution whose entry points cannot be read.
        distribution: Who brings it; empty for one registered in this process.
        version: Of the distribution.
        value: The entry point: ``module`` or ``module:attribute``; for one registered in this
            process its factory.
        origin: Where it comes from.
        problems: Why it cannot be chosen; empty if nothing is known against it.
    """

    name: str
    distribution: str
    version: str
    value: str
    origin: Literal["installed", "registered"]
    problems: tuple[str, ...] = ()


def available_kernels(*, refresh: bool = False) -> tuple[KernelInfo, ...]:
    """List all kernels by name, also those that cannot be chosen; imports none of them.

    Args:
        refresh: Read the metadata again, for distributions installed since the last time.

    Returns:
        One entry per offer, so that a name that two distributions offer is there twice.

    Example:
        >>> [kernel.distribution for kernel in available_kernels() if kernel.name == "default"]
        ['sage-kernel']
    """
    installed = installed_kernels(refresh=refresh)
    found = [
        KernelInfo(
            entry.name,
            entry.distribution,
            entry.version,
            entry.value,
            "installed",
            tuple(_entry_problems(entry, installed)),
        )
        for entry in installed.entries
    ]
    found.extend(
        KernelInfo("", one.distribution, "", "", "installed", (f"broken metadata: {one.problem}",))
        for one in installed.broken
    )
    with _LOCK:
        registered = list(_REGISTERED.values())
    found.extend(
        KernelInfo(offer.name, "", "", _factory_name(offer.factory), "registered")
        for offer in registered
    )
    return tuple(sorted(found, key=lambda kernel: (kernel.name, kernel.distribution)))


@overload
def register_kernel(
    name: str, factory: Callable[[], KernelFacade], *, options: None = None, summary: str = ""
) -> None: ...


@overload
def register_kernel(
    name: str,
    factory: Callable[[OptionsT], KernelFacade],
    *,
    options: type[OptionsT],
    summary: str = "",
) -> None: ...


def register_kernel(
    name: str,
    factory: Callable[..., KernelFacade],
    *,
    options: type[Any] | None = None,
    summary: str = "",
) -> None:
    """Offer a kernel in this process, until `unregister_kernel`.

    Args:
        name: What selects it.
        factory: Makes it; a wrong implementation is a type error for mypy and pyright.
        options: A msgspec Struct or frozen dataclass; *factory* then takes one of these.
        summary: One line for people.

    Raises:
        KernelContractError: The name cannot be a kernel's, or the factory is not callable.
        AmbiguousKernelError: The name is reserved, installed or registered already. Whichever
            it is, nothing was registered.
    """
    offer = make_offer(name, factory, options, summary)
    with _LOCK:
        owners = [entry.owner for entry in installed_kernels().by_name.get(offer.name, ())]
        if offer.name in RESERVED_NAMES:
            owners = [f"{RESERVED_NAMES[offer.name]}, for which it is reserved"]
        if offer.name in _REGISTERED:
            owners = ["register_kernel() in this process"]
        if owners:
            raise AmbiguousKernelError(
                f"Kernel {offer.name!r} cannot be registered: the name belongs to "
                f"{' and '.join(owners)}. Choose another one."
            )
        _REGISTERED[offer.name] = offer


def unregister_kernel(name: str) -> bool:
    """Take back `register_kernel`. Returns False if that name was not registered so."""
    with _LOCK:
        return _REGISTERED.pop(fold_name(str(name)), None) is not None


def find_offer(name: str, origin: str = "") -> KernelOffer:
    """Return the kernel of a folded name, importing its plugin and no other.

    Raises:
        KernelNotFoundError, AmbiguousKernelError: See `find_entry`.
        KernelLoadError, KernelContractError: The plugin is broken; no other is tried.
    """
    with _LOCK:
        registered = _REGISTERED.get(name)
    if registered is not None:
        _refuse_conflict(name, installed_kernels().by_name.get(name, ()), has_registered=True)
        return registered
    entry = find_entry(name, origin)
    # Not under the lock: an import may take long, and may ask for another kernel.
    if entry not in _LOADED:
        declared = frozenset(
            other.name
            for other in installed_kernels().entries
            if other.distribution == entry.distribution
        )
        _LOADED[entry] = load_offer(entry, declared)
    return _LOADED[entry]


def find_entry(name: str, origin: str = "") -> Entry:
    """Return the one entry point that offers a folded name. Imports nothing.

    Raises:
        KernelNotFoundError: There is none; the message has the installed and nearest names.
        AmbiguousKernelError: Several distributions offer it, or one that must not.
        KernelLoadError: The metadata of its distribution is broken.
    """
    installed = installed_kernels()
    entries = installed.by_name.get(name)
    if not entries:
        # Perhaps it was installed while this process ran.
        installed = installed_kernels(refresh=True)
        entries = installed.by_name.get(name)
    if not entries:
        raise _not_found(name, origin, installed)
    _refuse_conflict(name, entries, has_registered=False)
    if entries[0].problem:
        raise KernelLoadError(
            f"Kernel {name!r} is installed ({entries[0].owner}) but cannot be loaded: "
            f"{entries[0].problem}. Try: pip install --force-reinstall {entries[0].distribution}"
        )
    return entries[0]


def _refuse_conflict(name: str, entries: tuple[Entry, ...], *, has_registered: bool) -> None:
    owners = sorted(entry.owner for entry in entries)
    if has_registered:
        owners.append("register_kernel() in this process")
    if len(owners) > 1:
        raise AmbiguousKernelError(
            f"Kernel {name!r} is offered by {' and '.join(owners)}. Uninstall all but one."
        )


def _not_found(name: str, origin: str, installed: Installed) -> Exception:
    place = f" ({origin})" if origin else ""
    usurpers = installed.usurpers(name)
    if usurpers:
        return AmbiguousKernelError(
            f"Kernel {name!r}{place} is reserved for {RESERVED_NAMES[name]}, but offered by "
            f"{' and '.join(entry.owner for entry in usurpers)}. Try: pip install "
            f"{RESERVED_NAMES[name]}"
        )
    names = sorted({*installed.by_name, *_REGISTERED})
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    hint = did_you_mean(name, names)
    if not hint and (known := did_you_mean(name, KNOWN_DISTRIBUTIONS)):
        near = known.split("'")[1]
        hint = f"{known if near != name else ''} Try: pip install {KNOWN_DISTRIBUTIONS[near]}"
    broken = "".join(
        f" Its metadata cannot be read: {one.distribution} ({one.problem})."
        for one in installed.broken
    )
    return KernelNotFoundError(
        f"No kernel named {name!r}{place}. Installed: {shown or 'none'}.{hint}{broken}"
    )


def _entry_problems(entry: Entry, installed: Installed) -> list[str]:
    problems = [entry.problem] if entry.problem else []
    if entry in installed.usurpers(entry.name):
        problems.append(f"the name {entry.name!r} is reserved for {RESERVED_NAMES[entry.name]}")
    rivals = [other.owner for other in installed.by_name.get(entry.name, ()) if other is not entry]
    if rivals and not problems:
        problems.append(f"duplicate name: {' and '.join(rivals)} offers {entry.name!r}, too")
    return problems


def _factory_name(factory: object) -> str:
    module = getattr(factory, "__module__", "?")
    return f"{module}:{getattr(factory, '__qualname__', type(factory).__qualname__)}"
