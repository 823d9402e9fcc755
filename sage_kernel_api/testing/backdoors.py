"""Ways into a kernel that do not go through the interface under test.

Layer: testing. A kernel's author may write an adapter; most tests need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from os import PathLike
from typing import Protocol, runtime_checkable

from sage_kernel_api.errors import CapabilityError
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.values import JobId, Payload

__all__ = ["BackDoors", "Door", "HasManualTime"]


class Door(StrEnum):
    """Names of the back doors; equal to the methods of `BackDoors`."""

    READ_SINK = "read_sink"
    RAW_STATE = "raw_state"
    CRASH = "crash"
    REOPEN = "reopen"


class BackDoors:
    """An adapter that an author overrides as far as the kernel allows it.

    What is not overridden is closed, and tests that need it are left out and reported so.

    Example:
        >>> class Mine(BackDoors):
        ...     def read_sink(self, kernel: KernelFacade, path: str | PathLike[str]) -> list[str]:
        ...         return ["a"]
        >>> sorted(Mine().open_doors)
        [<Door.READ_SINK: 'read_sink'>]
    """

    @property
    def open_doors(self) -> frozenset[Door]:
        """Return the doors that a subclass has overridden."""
        return frozenset(
            door
            for door in Door
            if getattr(type(self), door.value) is not getattr(BackDoors, door.value)
        )

    def read_sink(self, kernel: KernelFacade, path: str | PathLike[str]) -> list[str]:
        """Return the committed lines of a sink as another program would read them."""
        raise _closed(Door.READ_SINK)

    def raw_state(
        self, kernel: KernelFacade, job_id: JobId, step: str, state: str
    ) -> Mapping[Payload, Payload]:
        """Return the values by key of one keyed state, over all instances of its step.

        Asked for from within a function of the job, on the thread of its task.
        """
        raise _closed(Door.RAW_STATE)

    def crash(self, kernel: KernelFacade) -> None:
        """End the kernel as a power cut would: nothing is flushed, closed or told."""
        raise _closed(Door.CRASH)

    def reopen(self) -> KernelFacade:
        """Return a new kernel on what the crashed one left on disk."""
        raise _closed(Door.REOPEN)


class _ManualClock(Protocol):
    def advance(self, seconds: float, /) -> object: ...


@runtime_checkable
class HasManualTime(Protocol):
    """A kernel whose time only tests move; the kit then advances it where it would else wait.

    If it has jobs in the background, the kit moves it on a thread of its own while a test waits.
    """

    @property
    def clock(self) -> _ManualClock:
        """Return the clock that the kernel measures deadlines on."""
        ...


def _closed(door: Door) -> CapabilityError:
    return CapabilityError(f"The back door {door.value!r} is closed; override it in a BackDoors.")
