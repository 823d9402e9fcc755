"""Services: objects that live beside the tasks and are called by name.

Layer: core.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sage_kernel_api.core.functions.base_function import ContextUser
from sage_kernel_api.lifecycle import Placement

__all__ = ["BaseService"]


class BaseService(ContextUser):
    """A named object that functions and other services call. Any class will do; this one helps.

    Life: ``__init__``, ``set_context``, ``setup``, ``start``, calls, ``stop``, ``cleanup``.
    Public methods (no leading underscore) can be called from any task. Calls run one after
    another on a thread of the service, or ``workers`` at once on as many threads; the methods
    of the life cycle never run beside a call.

    Attributes:
        workers: Calls that run at once; set it in the class.
        placement: ``"process"`` for a process of its own; set it in the class.

    Example:
        >>> class Cache(BaseService):
        ...     def __init__(self) -> None:
        ...         self.values: dict[str, int] = {}
        ...     def get(self, key: str) -> int | None:
        ...         return self.values.get(key)
    """

    workers: ClassVar[int] = 1
    placement: ClassVar[Placement] = "kernel"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take anything: subclasses may pass on what they like."""

    def setup(self) -> None:
        """Get ready; the context is set."""

    def start(self) -> None:
        """Begin: the first call may come when this returns."""

    def stop(self) -> None:
        """End: no call comes any more."""

    def cleanup(self) -> None:
        """Let go of everything, also after a ``setup`` or ``start`` that failed."""
