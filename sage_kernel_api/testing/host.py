"""What a process looks like from outside of a kernel, before and after: nothing may be left.

Layer: testing. Reads the process; knows no kernel.
"""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

__all__ = ["Host", "listened_stdout"]

_GRACE_S: Final = 1.0
"""How long something may need to go away: an operating system ends threads after their join."""
_LOOK_S: Final = 0.005
_SIGNALS: Final = tuple(signal.valid_signals() & set(signal.Signals))


@dataclass(frozen=True, slots=True)
class Host:
    """One look at the process.

    Attributes:
        facts: Settings that a library must leave alone, by name.
        threads: The threads that run.
        descriptors: What each open descriptor leads to, where the system tells.
        children: Ids of the child processes, where the system tells.
    """

    facts: dict[str, Any]
    threads: frozenset[threading.Thread]
    descriptors: dict[int, str]
    children: frozenset[int]

    @classmethod
    def look(cls) -> Host:
        """Return a look at this process."""
        return cls(_facts(), frozenset(threading.enumerate()), _descriptors(), _children())

    def differences(self) -> list[str]:
        """Return what has changed since, in words; waits a moment for what is going away."""
        if not list(self._differences(Host.look())):
            return []
        # What only a cycle keeps alive is nobody's fault.
        gc.collect()
        end_s = time.monotonic() + _GRACE_S
        while (found := list(self._differences(Host.look()))) and time.monotonic() < end_s:
            time.sleep(_LOOK_S)
        return found

    def _differences(self, now: Host) -> Iterator[str]:
        for name, value in now.facts.items():
            if (before := self.facts[name]) != value:
                yield f"{name} {_change(before, value)}"
        for thread in sorted(now.threads - self.threads, key=lambda thread: thread.name):
            yield f"the thread {thread.name!r} is left"
        for number, leads_to in now.descriptors.items():
            if self.descriptors.get(number) != leads_to:
                yield f"the descriptor {number} ({leads_to}) is left open"
        for child in sorted(now.children - self.children):
            yield f"the child process {child} is left"


@contextlib.contextmanager
def listened_stdout() -> Iterator[Callable[[], str]]:
    """Let the block write to `sys.stdout` as ever, and tell what it wrote."""
    before = sys.stdout
    tee: Any = _Tee(before)
    sys.stdout = tee
    try:
        yield tee.heard.getvalue
    finally:
        # Somebody else's replacement stays: it is theirs to take back.
        if sys.stdout is tee:
            sys.stdout = before


class _Tee:
    """A text stream that keeps what passes through."""

    def __init__(self, stream: TextIO) -> None:
        self.heard = io.StringIO()
        self._stream = stream

    def write(self, text: str) -> int:
        self.heard.write(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _facts() -> dict[str, Any]:
    return {
        "sys.path": list(sys.path),
        "sys.argv": list(sys.argv),
        "sys.excepthook": sys.excepthook,
        "threading.excepthook": threading.excepthook,
        "sys.stdout": sys.stdout,
        "sys.stderr": sys.stderr,
        "the recursion limit": sys.getrecursionlimit(),
        "the switch interval": sys.getswitchinterval(),
        "os.environ": dict(os.environ),
        "the working directory": _working_directory(),
        "signal handlers": _signal_handlers(),
        "handlers of the root logger": list(logging.getLogger().handlers),
        "the level of the root logger": logging.getLogger().level,
        "the state of the module random": hash(random.getstate()),
    }


def _signal_handlers() -> dict[str, Any]:
    return {number.name: signal.getsignal(number) for number in _SIGNALS}


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "(deleted)"


def _descriptors() -> dict[int, str]:
    folder = Path("/proc/self/fd")
    found: dict[int, str] = {}
    for entry in os.listdir(folder) if folder.is_dir() else ():
        # The descriptor of this very listing is among them, and gone.
        with contextlib.suppress(OSError):
            found[int(entry)] = os.readlink(folder / entry)
    return found


def _children() -> frozenset[int]:
    found: set[int] = set()
    folder = Path("/proc/self/task")
    for thread in os.listdir(folder) if folder.is_dir() else ():
        # A thread may end between two looks.
        with contextlib.suppress(OSError):
            found.update(map(int, (folder / thread / "children").read_text().split()))
    return frozenset(found)


def _change(before: object, now: object) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted(
            str(name) for name in before.keys() | now.keys() if before.get(name) != now.get(name)
        )
        # The values are not shown: the environment may hold secrets.
        return f"changed: {', '.join(names)}"
    return f"was {before!r}, is {now!r}"
