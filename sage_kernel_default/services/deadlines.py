"""Ends calls whose time is over.

Layer: services.
"""

from __future__ import annotations

import heapq
import threading
from concurrent.futures import Future
from itertools import count
from typing import Any, Final

from sage_kernel_api.errors import ServiceStateError, ServiceTimeoutError
from sage_kernel_default.engine.ports import Clock
from sage_kernel_default.services.calls import Call

__all__ = ["Deadlines", "Watch", "WatchList", "timeout_of"]

_SWEEP_AT_LEAST: Final = 64


class Watch:
    """One call under a deadline; lets go of it, and of all that it holds, once it has ended."""

    __slots__ = ("call", "timeout_s")

    def __init__(self, call: Call, timeout_s: float) -> None:
        self.call: Call | None = call
        self.timeout_s = timeout_s
        call.add_done_callback(self._let_go)

    def _let_go(self, _: Future[Any]) -> None:
        self.call = None


class WatchList:
    """The open calls by due time. Pure; no lock and no clock.

    An ended call leaves an empty watch behind. These are swept out whenever the list has
    doubled, so that a call costs little and the list stays as long as its open calls, or twice.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Watch]] = []
        self._numbers = count()
        self._sweep_at = _SWEEP_AT_LEAST

    def __len__(self) -> int:
        """Return the number of watches, empty ones among them."""
        return len(self._heap)

    def add(self, watch: Watch, due_s: float) -> bool:
        """Add a watch; True if it is the next one that is due."""
        if len(self._heap) >= self._sweep_at:
            self._heap = [entry for entry in self._heap if entry[2].call is not None]
            heapq.heapify(self._heap)
            self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(self._heap))
        entry = (due_s, next(self._numbers), watch)
        heapq.heappush(self._heap, entry)
        return self._heap[0] is entry

    def next_due_s(self) -> float | None:
        """Return when the next open call is due; None if none is open."""
        heap = self._heap
        while heap and heap[0][2].call is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def take_late(self, now_s: float) -> Watch | None:
        """Take one watch whose time is over, the earliest first."""
        due_s = self.next_due_s()
        return heapq.heappop(self._heap)[2] if due_s is not None and due_s <= now_s else None

    def take_all(self) -> list[Watch]:
        """Take all watches."""
        watches = [watch for _, _, watch in self._heap]
        self._heap.clear()
        return watches


class Deadlines:
    """One thread that fails calls when their deadline passes; starts with the first call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._watches = WatchList()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @property
    def watched(self) -> int:
        """Return how many watches there are; some may be of ended calls."""
        return len(self._watches)

    def watch(self, call: Call, timeout_s: float) -> None:
        """Fail *call* if it has not ended in *timeout_s* seconds; at once if this was closed."""
        due_s = self._clock.now_s() + timeout_s
        watch = Watch(call, timeout_s)
        with self._changed:
            if is_open := not self._is_closed:
                is_next = self._watches.add(watch, due_s)
                if self._thread is None:
                    self._start()
                elif is_next:
                    self._changed.notify()
        if not is_open:
            _give_up(watch)

    def look_again(self) -> None:
        """Compare with the clock again: for clocks that jump."""
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """End the thread and fail what is open: nobody may wait for a call without a deadline."""
        with self._changed:
            self._is_closed = True
            left = self._watches.take_all()
            self._changed.notify()
        for watch in left:
            _give_up(watch)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="service-deadlines", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (late := self._next_late()) is not None:
            # Outside of the lock: failing a call runs its callbacks, which may call services.
            if (call := late.call) is not None:
                call.fail(timeout_of(call.label, late.timeout_s))
            del call, late  # a sleeping thread must not keep the last arguments alive

    def _next_late(self) -> Watch | None:
        with self._changed:
            while not self._is_closed:
                now_s = self._clock.now_s()
                if (late := self._watches.take_late(now_s)) is not None:
                    return late
                due_s = self._watches.next_due_s()
                self._changed.wait(None if due_s is None else due_s - now_s)
        return None


def timeout_of(label: str, timeout_s: float) -> ServiceTimeoutError:
    """Return what a call raises when its deadline has passed."""
    return ServiceTimeoutError(
        f"{label} did not answer within {timeout_s:g} s. Its late answer will be dropped. Raise "
        "timeout_s, or the kernel's option service_timeout."
    )


def _give_up(watch: Watch) -> None:
    if (call := watch.call) is not None:
        call.fail(ServiceStateError(f"{call.label} has no answer: the services were stopped."))
