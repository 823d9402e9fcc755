"""From what a user says to a kernel that keeps the contract, or to an error.

Layer: plugins. On top of everything else here; there is no silent fallback.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast, overload

from sage_kernel_api.errors import KernelError, KernelLoadError, KernelSpecError
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.plugins.check import check_kernel, check_kernel_class
from sage_kernel_api.plugins.importing import describe_error
from sage_kernel_api.plugins.options import (
    OptionInfo,
    describe_options,
    read_options,
    refuse_options,
)
from sage_kernel_api.plugins.precedence import choose_kernel
from sage_kernel_api.plugins.registrar import KernelOffer
from sage_kernel_api.plugins.registry import KernelInfo, available_kernels, find_offer
from sage_kernel_api.plugins.spec import KernelSpec
from sage_kernel_api.values import Capability

__all__ = ["KernelDescription", "describe_kernel", "make_kernel", "resolve_kernel"]

KernelT = TypeVar("KernelT", bound=KernelFacade)
_NEVER_KERNELS = (bytes, bytearray, int, float, complex, bool, list, tuple, dict, set, frozenset)


@dataclass(frozen=True, slots=True)
class KernelDescription:
    """What ``sage-kernel info`` shows of a kernel.

    Attributes:
        info: Name, distribution, entry point.
        summary: One line of the kernel's author.
        options: Its options in their order.
        api_version: Empty if the kernel has required options and was therefore not made.
        capabilities: Empty in that case, too.
    """

    info: KernelInfo
    summary: str
    options: tuple[OptionInfo, ...]
    api_version: str
    capabilities: frozenset[Capability]


@overload
def resolve_kernel(
    spec_or_kernel: str | KernelSpec | None = None, *, config: Mapping[str, object] | None = None
) -> KernelFacade: ...


@overload
def resolve_kernel(
    spec_or_kernel: KernelT, *, config: Mapping[str, object] | None = None
) -> KernelT: ...


def resolve_kernel(
    spec_or_kernel: object = None, *, config: Mapping[str, object] | None = None
) -> KernelFacade:
    """Return the chosen kernel, made and checked.

    Args:
        spec_or_kernel: A spec, or a kernel, which is checked and returned as it is. None asks
            the places of `sage_kernel_api.plugins.precedence.choose_kernel`.
        config: Its entry ``kernel`` is the second of these places.

    Returns:
        A new kernel for a spec; the caller shuts it down.

    Raises:
        KernelSpecError: The spec or its options are wrong, or it is no spec at all.
        ConfigurationError: A ``pyproject.toml`` that had to be read is broken.
        KernelNotFoundError: No kernel has that name.
        AmbiguousKernelError: More than one distribution claims the name.
        KernelLoadError: The kernel's plugin cannot be imported, or it cannot be made.
        KernelContractError: The kernel does not keep the contract.

    Example:
        >>> resolve_kernel("defualt")
        Traceback (most recent call last):
        ...
        sage_kernel_api.errors.KernelNotFoundError: No kernel named 'defualt' (from the argument)...
    """
    choice = choose_kernel(spec_or_kernel, config)
    chosen = choice.kernel
    if isinstance(chosen, str):
        chosen = _parse(chosen, choice.origin)
    if isinstance(chosen, KernelSpec):
        return make_kernel(find_offer(chosen.name, choice.origin), chosen, choice.origin)
    _refuse_plain_values(chosen, choice.origin)
    check_kernel(chosen)
    return cast(KernelFacade, chosen)


def make_kernel(offer: KernelOffer, spec: KernelSpec, origin: str = "") -> KernelFacade:
    """Call the factory of *offer* with the options of *spec*, and check what it made.

    Raises:
        KernelSpecError: The options are wrong.
        KernelLoadError: The factory raised; ``__cause__`` has its exception. The project's own
            errors pass as they are.
        KernelContractError: See `check_kernel`.
    """
    arguments: tuple[object, ...] = ()
    if offer.options is None:
        refuse_options(spec, origin=origin)
    else:
        arguments = (read_options(spec, offer.options, origin=origin),)
    factory: object = offer.factory
    if isinstance(factory, type) and inspect.isabstract(factory):
        # Python would say so, too, but of the first look and without what to write.
        check_kernel_class(factory, name=offer.name)
    try:
        kernel = offer.factory(*arguments)
    except (KeyboardInterrupt, KernelError):
        raise
    except BaseException as error:
        raise KernelLoadError(
            f"Kernel {offer.name!r} could not be made: {describe_error(error)}."
        ) from error
    check_kernel(kernel, name=offer.name)
    return kernel


def describe_kernel(name: str) -> KernelDescription:
    """Import the plugin of one kernel, make it with default options, and describe it.

    The kernel is shut down again. One with required options is not made.

    Raises:
        KernelError: As `resolve_kernel`.
    """
    spec = KernelSpec.parse(name)
    offer = find_offer(spec.name)
    options = describe_options(offer.options)
    # The distribution that find_offer took is the first without a problem.
    known = [kernel for kernel in available_kernels() if kernel.name == spec.name]
    info = next(kernel for kernel in known if not kernel.problems)
    given = {key for key, _ in spec.options}
    if any(option.is_required and option.name not in given for option in options):
        return KernelDescription(info, offer.summary, options, "", frozenset())
    kernel = make_kernel(offer, spec)
    try:
        return KernelDescription(
            info, offer.summary, options, kernel.api_version, kernel.capabilities
        )
    finally:
        kernel.shutdown()


def _parse(text: str, origin: str) -> KernelSpec:
    try:
        return KernelSpec.parse(text)
    except KernelSpecError as error:
        raise KernelSpecError(f"{error}\n({origin})", problems=error.problems) from None


def _refuse_plain_values(value: object, origin: str) -> None:
    """Say "not a spec" where "lacks eleven members" would lead astray."""
    if isinstance(value, type):
        raise KernelSpecError(
            f"{value.__qualname__!r} ({origin}) is a class; give a kernel: {value.__qualname__}()"
        )
    if isinstance(value, _NEVER_KERNELS):
        raise KernelSpecError(
            f"A kernel is chosen by text such as 'default?key=value', or is a kernel object; "
            f"{type(value).__name__} ({origin}) is neither."
        )
