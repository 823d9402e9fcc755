"""An event loop that lives on the manual clock: where others wait, it moves the clock.

Knows callbacks and coroutines; nothing of steps. What a coroutine sleeps takes no real time.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from sage_kernel_api.errors import WaitTimeoutError
from sage_kernel_mock.clock import ManualClock

__all__ = ["VirtualLoopHost"]

R = TypeVar("R")

_REAL_LIMIT_S: Final = 10.0
"""How long, in real time, calls are waited for that wait for no time but for something real."""
_CANCEL_S: Final = 0.4
"""How long, on the clock, what is left on the loop may take to end."""
_BUSY_ROUNDS: Final = 1_000
_BUSY_S: Final = 0.001
"""So much time passes in so many rounds of the loop in which no call waited for a time."""


def _never() -> bool:
    return False


class VirtualLoopHost:
    """The `LoopHost` of asynchronous steps on this kernel: no thread, no waiting.

    The loop runs only while somebody waits for it. What a call sleeps passes on the clock at
    once. A call that waits for something real (a thread, a socket) is waited for; time limits
    around such calls mean little here.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._loop: _VirtualLoop | None = None
        self._users = 0

    def acquire(self) -> asyncio.AbstractEventLoop:
        """Return the loop; the first user makes it."""
        self._users += 1
        if self._loop is None:
            self._loop = _VirtualLoop(self._clock)
        return self._loop

    def release(self) -> None:
        """Give the loop back; the last user ends what is left on it and closes it."""
        self._users -= 1
        if self._users or self._loop is None:
            return
        loop, self._loop = self._loop, None
        with _no_other_loop():
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=_CANCEL_S))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def start(self, coroutine: Coroutine[Any, Any, R]) -> Future[R]:
        """Run *coroutine* on the loop, once somebody waits."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._running)

    def wait(self, is_there: Callable[[], bool], changed: threading.Event, limit_s: float) -> bool:
        """Run the loop until *is_there*, at most *limit_s* on the clock."""
        del changed  # There is no other thread that could set it.
        self._running.run_while(is_there, self._clock.now_s + limit_s, may_block=True)
        return is_there()

    def wait_for(self, is_there: Callable[[], bool]) -> None:
        """Run the loop until *is_there*, however long that takes on the clock.

        Raises:
            WaitTimeoutError: Nothing happened for 10 s of real time, and nothing is planned.
        """
        self._running.run_while(is_there, None, may_block=True)

    def run_until(self, at_s: float, is_there: Callable[[], bool] = _never) -> None:
        """Run the loop until the clock is at *at_s*, or *is_there*.

        If the clock is there already, only what needs no time goes on.
        """
        if self._loop is not None:
            self._loop.run_while(is_there, at_s, may_block=False)

    @property
    def _running(self) -> _VirtualLoop:
        assert self._loop is not None, "acquired first"
        return self._loop


class _VirtualLoop(asyncio.SelectorEventLoop):
    """Takes its time from the clock."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._jumping = _JumpingSelector(clock)
        super().__init__(self._jumping)
        self._jumping.stop = self.stop

    def time(self) -> float:
        """Return the clock's time."""
        return self._clock.now_s

    def run_while(
        self, is_over: Callable[[], bool], end_s: float | None, *, may_block: bool
    ) -> None:
        """Run until *is_over*, or until the clock is at *end_s* and nothing is left to do there."""
        selector = self._jumping
        selector.is_over, selector.end_s, selector.may_block = is_over, end_s, may_block
        try:
            with _no_other_loop():
                self.run_forever()
        finally:
            selector.is_over, selector.end_s, selector.may_block = _never, None, True
        if selector.is_stuck:
            selector.is_stuck = False
            raise WaitTimeoutError(
                f"No asynchronous call went on for {_REAL_LIMIT_S:g} s, and none waits for a time: "
                "they wait for each other, or for something that never comes."
            )


class _JumpingSelector(selectors.DefaultSelector):
    """Looks for events without waiting, and moves the clock instead."""

    stop: Callable[[], None]

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        self._busy_rounds = 0
        self.is_over: Callable[[], bool] = _never
        self.end_s: float | None = None
        self.may_block = True
        self.is_stuck = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is there. If nothing is and nothing is to be done, time passes at once."""
        events = super().select(0)
        if self.is_over():
            self.stop()
        elif events or timeout == 0:
            self._count_busy_round()
        elif self._is_at_end():
            self.stop()
        elif timeout is None and self.may_block:
            return self._wait_really()
        else:
            self._jump(timeout)
        return events

    def _jump(self, timeout: float | None) -> None:
        self._busy_rounds = 0
        left_s = float("inf") if self.end_s is None else self.end_s - self._clock.now_s
        self._clock.advance(left_s if timeout is None else min(timeout, left_s))

    def _wait_really(self) -> list[tuple[selectors.SelectorKey, int]]:
        # No call waits for a time: a thread or a socket will end this, or nothing ever will.
        events = super().select(_REAL_LIMIT_S)
        if not events:
            self.is_stuck = True
            self.stop()
        return events

    def _count_busy_round(self) -> None:
        # A call that asks again and again without waiting would keep the time from passing.
        self._busy_rounds += 1
        if self._busy_rounds < _BUSY_ROUNDS:
            return
        self._busy_rounds = 0
        if self._is_at_end():
            self.stop()
        else:
            self._clock.advance(_BUSY_S)

    def _is_at_end(self) -> bool:
        return self.end_s is not None and self._clock.now_s >= self.end_s


@contextmanager
def _no_other_loop() -> Iterator[None]:
    """Hide the loop that the caller may be running in, as in a notebook or an asynchronous test."""
    outer = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(outer)
