"""Jobs that are spread over processes, and what must be left of them: nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.values import Payload
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from tests.helpers import no_leaks

WAIT_S = 60.0
"""Patience with a machine that is busy; nothing takes that long by design."""


@pytest.fixture
def kernel() -> Iterator[DefaultKernelFacade]:
    with no_leaks():
        facade = DefaultKernelFacade(
            DefaultOptions(processes=2, frame_size=16, channel_capacity=32)
        )
        yield facade
        facade.shutdown()


@pytest.fixture
def env(kernel: DefaultKernelFacade) -> LocalEnvironment:
    return LocalEnvironment("spread", kernel=kernel)


class Inbox:
    """A sink of the kernel's process that one can wait at, instead of sleeping."""

    def __init__(self) -> None:
        self.items: list[Payload] = []
        self._changed = threading.Condition()

    def put(self, item: Payload) -> None:
        """Take a record."""
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[Payload]:
        """Return the items once there are *count* of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.items) >= count, WAIT_S)
            return list(self.items)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for something that another process does and tells nobody."""
    end_s = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.005)


def pids_in(folder: Path) -> list[int]:
    """Return the process ids that functions in lanes have left as file names."""
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def is_running(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
