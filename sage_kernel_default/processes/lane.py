"""The parent's side of a process lane: start, talk, notice the end, kill.

Layer: processes. Knows links; knows nothing of tasks and jobs.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sage_kernel_api.errors import LaneError, TransferError
from sage_kernel_api.values import Payload
from sage_kernel_default.processes.codec import NO_BODY, Encoded, encode
from sage_kernel_default.processes.crossing import unpack_error
from sage_kernel_default.processes.kinds import ENTRY, FAILED, FINISHED
from sage_kernel_default.processes.wire import Link, Message

__all__ = ["LaneExit", "ProcessLane"]

_ENDS: Final = frozenset({os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED})
_LOG: Final = logging.getLogger("sage_kernel.lanes")


@dataclass(frozen=True, slots=True)
class LaneExit:
    """How a lane ended.

    Attributes:
        error: None if its entry function returned; what it raised; or a `LaneError` if the
            process died before, a `TransferError` if its bytes were damaged.
        returncode: As in ``subprocess``: below 0 for a signal.
    """

    error: BaseException | None
    returncode: int


class ProcessLane:
    """One child process that runs one function, in a process group of its own.

    ``on_message`` is called from the lane's reading thread, message by message in order;
    ``on_exit`` exactly once, after the last message and after the process was reaped. Both
    must not raise and must not wait for this lane.
    """

    def __init__(
        self,
        name: str,
        on_message: Callable[[Message], None],
        on_exit: Callable[[LaneExit], None],
    ) -> None:
        self.name = name
        self.exit: LaneExit | None = None
        self._on_message = on_message
        self._on_exit = on_exit
        self._lock = threading.Lock()
        self._is_reaped = False
        self._has_finished = False
        self._error: BaseException | None = None

    @property
    def pid(self) -> int:
        """The lane's process id, and the id of its group."""
        return self._process.pid

    def start(
        self, entry: Callable[..., Payload], *args: Payload, pass_fds: Sequence[int] = ()
    ) -> None:
        """Start the process; it calls ``entry(endpoint, *args)`` with a `LaneEndpoint`.

        Args:
            entry: What the process runs.
            args: Its arguments.
            pass_fds: Descriptors that the process gets too, under the same numbers.

        Raises:
            ValueEncodingError: *entry* or an argument cannot travel. Nothing was started.
            OSError: The system starts no further process.
        """
        body = encode((entry, args))
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _bootstrap(theirs.fileno())],
                    pass_fds=[theirs.fileno(), *pass_fds],
                    process_group=0,
                )
            except BaseException:
                ours.close()
                raise
        self._link = Link(ours)
        self._reader = threading.Thread(target=self._read, name=f"{self.name}-in", daemon=True)
        self._reaper = threading.Thread(target=self._reap, name=f"{self.name}-end", daemon=True)
        self._reader.start()
        self._reaper.start()
        try:
            self._link.send(ENTRY, 0, body)
        except OSError:
            return  # it died at once: on_exit says how

    def send(self, kind: int, channel: int = 0, body: Encoded = NO_BODY) -> None:
        """Send to the lane, waiting while it does not read.

        Raises:
            LaneError: The lane is gone; nothing tells how much of earlier messages it read.
        """
        try:
            self._link.send(kind, channel, body)
        except OSError as error:
            raise LaneError(f"Lane {self.name!r} has ended; the message was not sent.") from error

    def kill(self) -> None:
        """Kill the process and its group now; `on_exit` follows. No effect after the end."""
        with self._lock:
            # Before it is reaped the id cannot be somebody else's.
            if not self._is_reaped:
                _kill_group(self.pid)

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until all of the lane is gone: process, threads, descriptors.

        Returns:
            False if it still runs after *timeout_s*.
        """
        self._reaper.join(timeout_s)
        return not self._reaper.is_alive()

    def stop(self, timeout_s: float) -> None:
        """Give the lane *timeout_s* to end by itself, then kill it; returns when it is gone."""
        if not self.join(timeout_s):
            self.kill()
            self._reaper.join()

    def _read(self) -> None:
        try:
            while (message := self._link.receive()) is not None:
                if message.kind == FINISHED:
                    self._has_finished = True
                elif message.kind == FAILED:
                    self._error = unpack_error(message.body)
                else:
                    self._on_message(message)
        except TransferError as error:
            # A message that was cut off tells only that the process died: `_outcome` says how.
            if not self._link.has_ended:
                self._error = error
                self.kill()
        finally:
            # A lane that has said its last word may still flush files; any other is lost.
            if not self._has_finished and self._error is None:
                self.kill()

    def _reap(self) -> None:
        self._await_exit()
        # What the lane started and left must not outlive it, nor hold its socket open.
        self.kill()
        self._reader.join()
        with self._lock:
            self._is_reaped = True
            returncode = self._process.wait()
        self._link.shut_down()
        self._link.close()
        self.exit = LaneExit(self._outcome(returncode), returncode)
        self._on_exit(self.exit)

    def _await_exit(self) -> None:
        """Wait for the end of the process, and say why it stands still meanwhile."""
        while True:
            news = os.waitid(
                os.P_PID, self.pid, os.WEXITED | os.WSTOPPED | os.WCONTINUED | os.WNOWAIT
            )
            if news is None or news.si_code in _ENDS:
                return
            # Taken, so that the next look waits for further news; an exit stays to be reaped.
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WCONTINUED | os.WNOHANG)
            if news.si_code == os.CLD_STOPPED:
                _LOG.warning(
                    "lane %r (process %d) was stopped by %s; whoever waits for it goes on waiting "
                    "until it is continued (SIGCONT) or its job is cancelled",
                    self.name,
                    self.pid,
                    _signal_name(news.si_status),
                )

    def _outcome(self, returncode: int) -> BaseException | None:
        if self._error is not None or (self._has_finished and returncode == 0):
            return self._error
        return LaneError(
            f"Lane {self.name!r} (process {self.pid}) {_how(returncode)} before its work was "
            "done. Look at its standard error, or at the system's log for a lack of memory."
        )


def _bootstrap(descriptor: int) -> str:
    """Return the program of the child: it runs no script of the user."""
    return (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from sage_kernel_default.processes.child import main; main({descriptor}, {os.getpid()})"
    )


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # macOS says "not permitted" of a group in which only zombies are left


def _how(returncode: int) -> str:
    if returncode >= 0:
        return f"exited with code {returncode}"
    return f"was killed by {_signal_name(-returncode)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
