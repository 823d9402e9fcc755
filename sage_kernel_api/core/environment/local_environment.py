"""An environment whose kernel lives in this process or on this machine.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from typing_extensions import TypeVar

from sage_kernel_api.core.environment.base_environment import BaseEnvironment
from sage_kernel_api.core.environment.markers import DefaultKernel, MockKernel
from sage_kernel_api.kernel_facade import KernelFacade

if TYPE_CHECKING:
    from sage_kernel_api.plugins import KernelSpec

__all__ = ["LocalEnvironment"]

K_co = TypeVar("K_co", covariant=True, default=Any)


class LocalEnvironment(BaseEnvironment[K_co], Generic[K_co]):
    """A pipeline on a kernel of this machine; which one, a string decides.

    Args:
        name: Names the job, in logs and status.
        config: Settings, read by functions through ``ctx.get_config``.
        kernel: A kernel object, a spec string such as ``"default"``, or None for the order of
            precedence of `resolve_kernel`.

    Example:
        >>> rows = []
        >>> with LocalEnvironment("squares", kernel="mock") as env:
        ...     stream = env.from_collection([1, 2, 3]).map(lambda x: x * x).sink(rows.append)
        ...     job_id = env.submit(autostop=True)
        >>> rows
        [1, 4, 9]
    """

    @overload
    def __init__(
        self: LocalEnvironment[MockKernel],
        name: str = ...,
        config: Mapping[str, Any] | None = ...,
        *,
        kernel: Literal["mock"],
    ) -> None: ...
    @overload
    def __init__(
        self: LocalEnvironment[DefaultKernel],
        name: str = ...,
        config: Mapping[str, Any] | None = ...,
        *,
        kernel: Literal["default"],
    ) -> None: ...
    @overload
    def __init__(
        self: LocalEnvironment[Any],
        name: str = ...,
        config: Mapping[str, Any] | None = ...,
        *,
        kernel: KernelFacade | KernelSpec | str | None = ...,
    ) -> None: ...
    def __init__(
        self,
        name: str = "localenvironment",
        config: Mapping[str, Any] | None = None,
        *,
        kernel: KernelFacade | KernelSpec | str | None = None,
    ) -> None:
        super().__init__(name, config, kernel)
