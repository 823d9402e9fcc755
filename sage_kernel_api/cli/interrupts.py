"""Ctrl-C and SIGTERM as one exception, for as long as a job runs.

Layer: cli. Nobody else in the project touches signal handlers: a library must not.
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Final, Self

from sage_kernel_api.cli.exit_codes import ExitCode

__all__ = ["Interrupted", "Interrupts"]

_EXIT_CODES: Final = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
}


class Interrupted(KeyboardInterrupt):
    """The user (or the system) asked the program to end.

    Attributes:
        exit_code: What the process ends with.
    """

    def __init__(self, exit_code: ExitCode) -> None:
        super().__init__(exit_code.name.lower())
        self.exit_code = exit_code


class Interrupts:
    """A block in which SIGINT and SIGTERM become `Interrupted`; main thread only.

    Only the first signal is caught: the next one kills the process, in case that something hangs.
    A signal that the process was started to ignore (as ``nohup`` does) stays ignored. The handlers
    of before are back after the block.

    Args:
        is_deferred: Whether `check` alone raises. Otherwise the exception comes at once, wherever
            the main thread is. That ends the work of a kernel that runs jobs on its caller's
            thread. But it may hit others in the middle of a wait, and leave locks and threads in
            a state that they do not recover from (`threading.Thread.join`, for one, takes a thread
            for ended when it is interrupted so).
    """

    def __init__(self, *, is_deferred: bool) -> None:
        self._is_deferred = is_deferred
        self._caught: ExitCode | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in _EXIT_CODES:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._catch)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise `Interrupted` if a signal came."""
        if self._caught is not None:
            raise Interrupted(self._caught)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        self._caught = _EXIT_CODES[signal.Signals(number)]
        if not self._is_deferred:
            self.check()
