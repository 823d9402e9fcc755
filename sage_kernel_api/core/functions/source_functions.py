"""Functions that bring records in.

Layer: core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from sage_kernel_api.core.functions.base_function import BaseFunction
from sage_kernel_api.values import Payload, StopSignal

__all__ = ["BatchFunction", "SourceFunction"]

O_co = TypeVar("O_co", covariant=True)


class SourceFunction(BaseFunction, ABC, Generic[O_co]):
    """A source that may go on for ever.

    Example:
        >>> class Countdown(SourceFunction[int]):
        ...     def __init__(self, start: int) -> None:
        ...         self.left = start
        ...     def execute(self) -> int | StopSignal:
        ...         self.left -= 1
        ...         return self.left if self.left >= 0 else StopSignal("countdown")
        >>> source = Countdown(1)
        >>> source.execute(), source.execute()
        (0, StopSignal(name='countdown'))
    """

    @abstractmethod
    def execute(self) -> O_co | StopSignal | None:
        """Return the next record; None for "nothing now"; a `StopSignal` to end the source."""

    def tell(self) -> Payload:
        """Return the position behind the last record, for a checkpoint; see `seek`.

        Raises:
            NotImplementedError: The class has no positions; its fields are its state.
        """
        raise NotImplementedError

    def seek(self, position: Payload) -> None:
        """Go on behind *position*, which `tell` has returned; called before ``open``.

        Raises:
            NotImplementedError: As `tell`.
        """
        raise NotImplementedError


class BatchFunction(BaseFunction, ABC, Generic[O_co]):
    """A source with an end."""

    @abstractmethod
    def execute(self) -> O_co | StopSignal | None:
        """Return the next record; None or a `StopSignal` to end the source."""
