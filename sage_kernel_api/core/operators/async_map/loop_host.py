"""The event loop that asynchronous steps share: one thread in a process, while it is needed.

Layer: core. Knows callbacks and coroutines; knows nothing of records.

One loop for all steps, not one each: thousands of steps do not mean thousands of threads,
clients can be shared between steps, and a `RateLimit` needs no lock. Calls wait on networks,
so more loops would only contend for the interpreter.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, Protocol, TypeVar

from sage_kernel_api.core.operators.async_map.fine_loop import new_fine_loop

__all__ = ["LoopHost", "SharedLoop"]

R = TypeVar("R")

_STOP_S: Final = 0.4
_LOGGER: Final = logging.getLogger(__name__)


class LoopHost(Protocol):
    """Runs an event loop for somebody who lives on another thread, or drives it in between."""

    @abstractmethod
    def acquire(self) -> asyncio.AbstractEventLoop:
        """Return the loop; it lives until `release` was called as often."""

    @abstractmethod
    def release(self) -> None:
        """Give the loop back. Ends the loop if nobody else has it."""

    @abstractmethod
    def start(self, coroutine: Coroutine[Any, Any, R]) -> Future[R]:
        """Run *coroutine* on the loop."""

    @abstractmethod
    def wait(self, is_there: Callable[[], bool], changed: threading.Event, limit_s: float) -> bool:
        """Wait until *is_there*, at most *limit_s*; *changed* is set at each change of it."""


class SharedLoop:
    """The loop of this process, on a thread of its own that lives while somebody uses it."""

    _lock = threading.Lock()
    _running: _LoopThread | None = None

    def __init__(self) -> None:
        self._thread: _LoopThread | None = None

    def acquire(self) -> asyncio.AbstractEventLoop:
        """Return the loop; the first user starts it."""
        with SharedLoop._lock:
            thread = SharedLoop._running
            if thread is None or not thread.is_alive():
                # Not alive but there: this is a forked child, which has no threads.
                thread = SharedLoop._running = _LoopThread()
                thread.start()
            thread.users += 1
            self._thread = thread
        return thread.loop

    def release(self) -> None:
        """Give the loop back; the last user waits for the thread to end."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with SharedLoop._lock:
            thread.users -= 1
            if thread.users:
                return
            if SharedLoop._running is thread:
                SharedLoop._running = None
        thread.stop()

    def start(self, coroutine: Coroutine[Any, Any, R]) -> Future[R]:
        """Run *coroutine* on the loop's thread."""
        assert self._thread is not None, "acquired first"
        return asyncio.run_coroutine_threadsafe(coroutine, self._thread.loop)

    def wait(self, is_there: Callable[[], bool], changed: threading.Event, limit_s: float) -> bool:
        """Sleep until *is_there*; the loop works meanwhile."""
        changed.clear()
        # Looked at after clearing: a change in between sets the event again.
        if not is_there():
            changed.wait(limit_s)
        return is_there()


class _LoopThread(threading.Thread):
    """Runs one loop until it is stopped, then lets go of everything that ran on it."""

    def __init__(self) -> None:
        # A daemon: a call that blocks for ever must not keep the process from ending.
        super().__init__(name="sage-kernel-async", daemon=True)
        self.loop = new_fine_loop()
        self.users = 0
        self._is_stopping = False

    def run(self) -> None:
        """Run the loop; a task that raises SystemExit must not take the other steps with it."""
        while not self._is_stopping:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                _LOGGER.exception("a background task of an asynchronous function wanted to exit")
        self._clean_up()

    def stop(self) -> None:
        """End the thread and wait for it, for a bounded time."""
        self.loop.call_soon_threadsafe(self._end)
        self.join(_STOP_S)
        if self.is_alive():
            _LOGGER.error("an asynchronous function blocks its event loop; its thread is abandoned")

    def _end(self) -> None:
        self._is_stopping = True
        self.loop.stop()

    def _clean_up(self) -> None:
        loop = self.loop
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_STOP_S / 2))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
