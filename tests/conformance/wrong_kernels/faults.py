"""How a right kernel is made wrong, in one place, and who shall be named for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.testing import BackDoors
from sage_kernel_api.testing.profiles import Subject
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from sage_kernel_mock import MockKernelFacade

__all__ = ["FAULTS", "Fault", "default_kernel", "fault", "mock_kernel", "on_tasks"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong kernel: what it is called, what must be named, and how it is made.

    Attributes:
        subject: The capability that must be named.
        make: Makes it.
        breaks: Name of the promise that it breaks; empty for the first that the kit finds.
        doors: Ways into it, without which nothing of it can be seen.
    """

    subject: Subject
    make: Callable[[], KernelFacade]
    breaks: str = ""
    doors: BackDoors | None = None

    @property
    def name(self) -> str:
        """The function's name."""
        return self.make.__name__


FAULTS: list[Fault] = []


def fault(
    subject: Subject,
    breaks: str = "",
    doors: Callable[[Callable[[], Any]], BackDoors] | None = None,
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Mark a function that makes a wrong kernel; the kit must name *subject*, and *breaks*."""

    def mark(make: Callable[[], Any]) -> Callable[[], Any]:
        FAULTS.append(Fault(subject, make, breaks, doors(make) if doors else None))
        return make

    return mark


def mock_kernel() -> Any:
    """Return a mock kernel, to be spoilt; typed as anything, since its inside is touched."""
    return MockKernelFacade()


def default_kernel() -> Any:
    """Return a default kernel with short channels, to be spoilt."""
    return DefaultKernelFacade(DefaultOptions(frame_size=16, channel_capacity=32))


def on_tasks(spoil: Callable[[Any], object]) -> Any:
    """Return a mock kernel that has *spoil* done to each task of each job."""
    kernel = mock_kernel()
    make_run = kernel.job_manager._make_run

    def make(*args: Any) -> Any:
        run = make_run(*args)
        for task in run._wiring.tasks:
            spoil(task)
        return run

    kernel.job_manager._make_run = make
    return kernel
