"""What tests of several areas share: threads that are joined, leaks that are seen, programs."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

__all__ = ["InThread", "in_thread", "no_leaks", "printed_under_two_hash_seeds"]

_ROOT = Path(__file__).resolve().parents[1]

_JOIN_S = 30.0


class InThread:
    """One call on a thread of its own; its outcome is there once it was joined."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._call: Callable[[], Any] = lambda: function(*args)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join(_JOIN_S)
        assert not self._thread.is_alive(), "the call in the other thread did not return"

    def _run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:  # noqa: BLE001 - handed to the test, which looks at it
            self.error = error


@contextmanager
def in_thread(function: Callable[..., Any], *args: Any) -> Iterator[InThread]:
    """Run ``function(*args)`` beside the block, and join it at the block's end."""
    call = InThread(function, args)
    call.start()
    yield call
    call.join()


@contextmanager
def no_leaks() -> Iterator[None]:
    """Assert that the block leaves no thread, descriptor, child or shared memory behind."""
    process = psutil.Process()
    threads = set(threading.enumerate())
    descriptors = _descriptors()
    children = {child.pid for child in process.children(recursive=True)}
    segments = _segments()
    yield
    gc.collect()
    left = [thread for thread in threading.enumerate() if thread not in threads]
    assert not left, f"threads left: {left}"
    assert _descriptors() <= descriptors, "descriptors left"
    now = {child.pid for child in process.children(recursive=True)}
    assert now <= children, f"children left: {now - children}"
    assert _segments() <= segments, f"shared memory left: {_segments() - segments}"


def _segments() -> set[str]:
    """Return the names of the shared memory that Python makes; other programs use other names."""
    folder = "/dev/shm"
    if not os.path.isdir(folder):
        return set()
    return {name for name in os.listdir(folder) if name.startswith(("psm_", "pym-"))}


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def printed_under_two_hash_seeds(program: str) -> set[str]:
    """Run *program* in two processes that hash texts differently; return what they printed."""
    return {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=_ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
