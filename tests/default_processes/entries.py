"""Entry functions that the tests run in process lanes, and values that travel badly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

from sage_kernel_default.processes import FIRST_FREE, LaneEndpoint, decode, encode

ECHO = FIRST_FREE
STOP = FIRST_FREE + 1
READY = FIRST_FREE + 2


def echo(endpoint: LaneEndpoint) -> None:
    while (message := endpoint.take()) is not None and message.kind != STOP:
        endpoint.send(message.kind, message.channel, encode(decode(message.body)))


def facts(endpoint: LaneEndpoint) -> None:
    main = sys.modules["__main__"]
    ignores = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    endpoint.send(READY, 0, encode((os.getpgid(0), ignores, getattr(main, "__file__", None))))


def fail(endpoint: LaneEndpoint, error: BaseException) -> None:
    raise error from KeyError("the cause")


def fail_with_kept_error(endpoint: LaneEndpoint) -> None:
    raise CannotTravelError("kept")


def fail_with_choosy_error(endpoint: LaneEndpoint) -> None:
    raise ChoosyError("a", "b")


def start_child_and_wait(endpoint: LaneEndpoint) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    endpoint.send(READY, 0, encode(child.pid))
    signal.pause()


def hang(endpoint: LaneEndpoint) -> None:
    endpoint.send(READY)
    signal.pause()


def leave(endpoint: LaneEndpoint, code: int) -> None:
    os._exit(code)


class CannotTravelError(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("stays here")


class ChoosyError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")
