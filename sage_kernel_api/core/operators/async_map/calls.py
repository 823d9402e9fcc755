"""Bounded concurrent calls of one asynchronous function, fed and emptied by one task.

Layer: core. Knows records and an event loop; knows nothing of kernels and contexts.

Two sides: the task's thread owns what begins with "given" and "taken", the loop's thread owns
what runs. They meet in two deques; each side wakes the other once for many records.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from sage_kernel_api.core.functions.async_map_function import CURRENT_KEY
from sage_kernel_api.core.operators.async_map.attempts import Attempts
from sage_kernel_api.runnable import AsyncOutcome
from sage_kernel_api.values import Payload

__all__ = ["AsyncCalls"]

_QUEUE_FACTOR: Final = 2
"""Records in the step, in capacities: as many again may wait for a call, or for their order."""


class _Call:
    """One record on its way; written by the loop's thread until `is_done`."""

    __slots__ = ("attempts", "error", "input_index", "is_done", "key", "record", "result")

    def __init__(self, record: Payload, key: Payload, input_index: int) -> None:
        self.record = record
        self.key = key
        self.input_index = input_index
        self.result: Payload = None
        self.error: BaseException | None = None
        self.attempts = 0
        self.is_done = False


class AsyncCalls:
    """Run calls on *loop*, at most *capacity* at once.

    Args:
        loop: Runs on another thread, or is driven by the caller now and then.
        attempts: Calls the function for one record, as often as it takes.
        capacity: Calls at once.
        ordered: Whether results are taken in the order of their records.
        results_of: Turns what the function returned into what is emitted.
        wake: Called on the loop's side when there is something to take.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        attempts: Attempts,
        *,
        capacity: int,
        ordered: bool,
        results_of: Callable[[Payload], tuple[Payload, ...]],
        wake: Callable[[], None],
    ) -> None:
        self.wake = wake
        self._loop = loop
        self._attempts = attempts
        self._capacity = capacity
        self._limit = capacity * _QUEUE_FACTOR
        self._results_of = results_of
        self._given_count = 0
        self._taken_count = 0
        self._waiting: deque[_Call] = deque()
        self._ended: deque[_Call] = deque()
        # Ordered: every call from the beginning on, so that the first one is the next to take.
        self._in_order: deque[_Call] | None = deque() if ordered else None
        self._given: dict[_Call, None] = {}
        self._running: dict[_Call, asyncio.Task[None]] = {}
        self._is_start_due = False
        self._is_wake_due = False
        self._is_cancelled = False

    # --- the task's side -------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Records given and not yet taken."""
        return self._given_count - self._taken_count

    @property
    def room(self) -> int:
        """Records that may be given now."""
        return self._limit - self.in_flight

    @property
    def has_outcome(self) -> bool:
        """True if `take` would return something."""
        if self._in_order is None:
            return bool(self._ended)
        return bool(self._in_order) and self._in_order[0].is_done

    def give(self, record: Payload, key: Payload, input_index: int = 0) -> None:
        """Have the function called with *record*, soon."""
        call = _Call(record, key, input_index)
        self._given_count += 1
        self._given[call] = None
        if self._in_order is not None:
            self._in_order.append(call)
        self._waiting.append(call)
        # Once per wake, not per record: waking a loop costs more than many a call.
        if not self._is_start_due:
            self._is_start_due = True
            self._loop.call_soon_threadsafe(self._start)

    def pending(self) -> list[AsyncOutcome]:
        """Return what was given and not yet taken, in the order in which it was given."""
        return [AsyncOutcome(call.record, call.key, call.input_index) for call in self._given]

    def take(self) -> AsyncOutcome | None:
        """Return the next record that has ended, or None."""
        if not self.has_outcome:
            return None
        call = (self._ended if self._in_order is None else self._in_order).popleft()
        self._taken_count += 1
        del self._given[call]
        results = () if call.error is not None else self._results_of(call.result)
        return AsyncOutcome(
            call.record, call.key, call.input_index, results, call.error, call.attempts
        )

    # --- the loop's side -------------------------------------------------------------------

    def _start(self) -> None:
        # Cleared first: what is given from here on asks for another start, or is seen now.
        self._is_start_due = False
        self._start_waiting()

    def _start_waiting(self) -> None:
        running, waiting = self._running, self._waiting
        while waiting and len(running) < self._capacity and not self._is_cancelled:
            call = waiting.popleft()
            running[call] = self._loop.create_task(self._run(call))

    async def _run(self, call: _Call) -> None:
        # Each call is a task of its own, so this is seen by this call only.
        CURRENT_KEY.set(call.key)
        try:
            call.result = await self._attempts.run(call)
        except BaseException as error:  # noqa: BLE001 - reported with its record by `take`
            call.error = error
        del self._running[call]
        if self._is_cancelled:
            return
        call.is_done = True
        if self._in_order is None:
            self._ended.append(call)
        self._start_waiting()
        if not self._is_wake_due:
            # At the end of this round of the loop, for all calls that end in it.
            self._is_wake_due = True
            self._loop.call_soon(self._wake_task)

    def _wake_task(self) -> None:
        self._is_wake_due = False
        if not self._is_cancelled:
            self.wake()

    async def cancel(self, grace_s: float) -> int:
        """Cancel what runs, forget what waits, and wait at most *grace_s* for the end.

        Returns:
            How many calls did not end, because they ignore their cancellation.
        """
        self._is_cancelled = True
        self._waiting.clear()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if not tasks:
            return 0
        _, left = await asyncio.wait(tasks, timeout=grace_s)
        return len(left)
