"""Functions that run in process lanes: they leave their process id as a file where told."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sage_kernel_api import MapFunction, SourceFunction

FOREVER_S = 600.0


def leave_pid(folder: str) -> None:
    """Tell the test which process this is."""
    Path(folder, str(os.getpid())).touch()


class Endless(SourceFunction[int]):
    """Counts until the job ends."""

    def __init__(self) -> None:
        self.number = -1

    def execute(self) -> int:
        self.number += 1
        return self.number


class WithPid(MapFunction[int, tuple[int, int]]):
    """Says who works on a record."""

    def execute(self, data: int) -> tuple[int, int]:
        return os.getpid(), data


class HangsIn(MapFunction[int, int]):
    """Hangs in one part of its life."""

    def __init__(self, where: str, folder: str) -> None:
        self.where = where
        self.folder = folder
        self._hang_in("constructor")

    def open(self) -> None:
        self._hang_in("open")

    def execute(self, data: int) -> int:
        self._hang_in("execute")
        return data

    def close(self) -> None:
        self._hang_in("close")
        if self.where == "exit":
            atexit.register(self._hang_in, "exit")

    def _hang_in(self, where: str) -> None:
        if where == self.where:
            leave_pid(self.folder)
            time.sleep(FOREVER_S)


class Poison(MapFunction[int, int]):
    """Dies of one record, in one of several ways."""

    def __init__(self, how: str, record: int) -> None:
        self.how = how
        self.record = record

    def execute(self, data: int) -> int:
        if data == self.record:
            if self.how == "exit":
                os._exit(3)
            if self.how == "zero":
                os._exit(0)
            if self.how == "segfault":
                ctypes.string_at(0)
            os.kill(os.getpid(), signal.SIGKILL)
        return data


class Parent(MapFunction[int, int]):
    """Starts a process of its own that would outlive everything."""

    def execute(self, data: int) -> int:
        child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOREVER_S})"])
        return child.pid


class Fails(MapFunction[int, int]):
    """Raises an exception of its own on one record."""

    class TooMuchError(Exception):
        """More than a message."""

        def __init__(self, record: int) -> None:
            super().__init__(record)
            self.record = record

    def __init__(self, record: int) -> None:
        self.record = record

    def execute(self, data: int) -> int:
        if data == self.record:
            raise self.TooMuchError(data)
        return data


class Logs(MapFunction[int, int]):
    """Writes a log record with a traceback."""

    def execute(self, data: int) -> int:
        try:
            return data // 0
        except ZeroDivisionError:
            self.logger.exception("saw %s", data)
        return data
