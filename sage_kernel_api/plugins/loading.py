"""From an entry point to the kernel that its plugin offers.

Layer: plugins. Imports exactly one plugin; pluggy carries the call, our rules judge.
"""

from __future__ import annotations

from sage_kernel_api.errors import KernelContractError, KernelError
from sage_kernel_api.plugins.entries import Entry
from sage_kernel_api.plugins.hooks import KernelHooks
from sage_kernel_api.plugins.importing import import_entry, load_error
from sage_kernel_api.plugins.registrar import KernelOffer, KernelRegistrar
from sage_kernel_api.plugins.transport import plug_in

__all__ = ["load_offer"]


def load_offer(entry: Entry, declared: frozenset[str] = frozenset()) -> KernelOffer:
    """Import the plugin of *entry*, let it register, and return the kernel of that name.

    Args:
        entry: The chosen one.
        declared: Folded names of all kernels of its distribution; it may register these too.

    Raises:
        KernelLoadError: It cannot be imported, or its hook raised.
        KernelContractError: It implements no or a misspelt hook, does not register the name of
            its entry point, or registers one that no entry point of its distribution has.
    """
    plugin = import_entry(entry)
    manager = plug_in(plugin, KernelHooks, what=f"Plugin {entry.label}")
    registrar = KernelRegistrar()
    try:
        manager.hook.sage_kernel_register(registrar=registrar)
    except (KeyboardInterrupt, KernelError):
        raise
    except BaseException as error:
        raise load_error(entry, "its sage_kernel_register() failed", error) from error
    _check_names(entry, registrar, declared | {entry.name})
    return registrar.offers[entry.name]


def _check_names(entry: Entry, registrar: KernelRegistrar, declared: frozenset[str]) -> None:
    offered = ", ".join(repr(name) for name in registrar.offers) or "nothing"
    if entry.name not in registrar.offers:
        raise KernelContractError(
            f"Plugin {entry.label} registers {offered}, not {entry.name!r}. Write: "
            f"registrar.add_kernel({entry.name!r}, ...), or rename its entry point."
        )
    strange = [name for name in registrar.offers if name not in declared]
    if strange:
        raise KernelContractError(
            f"Plugin {entry.label} registers {', '.join(map(repr, strange))} without an entry "
            f"point of that name. Add it to its entry-point group, or leave it out."
        )
