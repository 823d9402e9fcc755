"""The typed face that plugins register their kernels with.

Layer: plugins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast, overload

from sage_kernel_api.errors import KernelContractError
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.plugins.names import fold_name, name_problem

__all__ = ["KernelOffer", "KernelRegistrar"]

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True, slots=True)
class KernelOffer:
    """One kernel that can be made.

    Attributes:
        name: Folded.
        factory: Takes an object of *options*, or nothing if that is None.
        options: The kernel's options class.
        summary: One line for people.
    """

    name: str
    factory: Callable[..., KernelFacade]
    options: type[Any] | None = None
    summary: str = ""


class KernelRegistrar:
    """Collects what one plugin offers.

    Attributes:
        offers: The kernels added so far, by folded name.
    """

    def __init__(self) -> None:
        self.offers: dict[str, KernelOffer] = {}

    @overload
    def add_kernel(
        self,
        name: str,
        factory: Callable[[], KernelFacade],
        *,
        options: None = None,
        summary: str = "",
    ) -> None: ...

    @overload
    def add_kernel(
        self,
        name: str,
        factory: Callable[[OptionsT], KernelFacade],
        *,
        options: type[OptionsT],
        summary: str = "",
    ) -> None: ...

    def add_kernel(
        self,
        name: str,
        factory: Callable[..., KernelFacade],
        *,
        options: type[Any] | None = None,
        summary: str = "",
    ) -> None:
        """Offer a kernel.

        Args:
            name: What selects it; an entry point of the plugin's distribution.
            factory: Makes it; often the kernel's class. Starts no thread, opens no file.
            options: A msgspec Struct or frozen dataclass; *factory* then takes one of these.
            summary: One line for ``sage-kernel list``.

        Raises:
            KernelContractError: The name cannot be a kernel's, was added before, or the
                factory is not callable. Nothing was added.
        """
        offer = make_offer(name, factory, options, summary)
        if offer.name in self.offers:
            raise KernelContractError(f"Kernel {offer.name!r} is registered twice by one plugin.")
        self.offers[offer.name] = offer


def make_offer(name: object, factory: object, options: object, summary: object) -> KernelOffer:
    """Check what an untyped caller may get wrong, and return the offer.

    Raises:
        KernelContractError: See `KernelRegistrar.add_kernel`; all problems at once.
    """
    problems = []
    if not isinstance(name, str):
        problems.append(f"name must be text, not {type(name).__name__}")
    elif problem := name_problem(fold_name(name)):
        problems.append(problem)
    if not callable(factory):
        problems.append(f"factory must be callable, not {type(factory).__name__}")
    if options is not None and not isinstance(options, type):
        problems.append(f"options must be a class, not {type(options).__name__}")
    if problems:
        raise KernelContractError.listing(f"Kernel {name!r} cannot be registered:", problems)
    return KernelOffer(
        fold_name(str(name)),
        cast(Callable[..., KernelFacade], factory),
        cast("type[Any] | None", options),
        str(summary),
    )
