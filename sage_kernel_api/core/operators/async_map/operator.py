"""The operator of `DataStream.map_async`: works on every kernel, better on those that know it.

Layer: core. See `AsyncRunnable` for the two ways in which a kernel may run it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from sage_kernel_api.context import ExecutionContext, SupportsEventTime
from sage_kernel_api.core.functions.async_map_function import AsyncMapFunction
from sage_kernel_api.core.operators.async_map.attempts import Attempts
from sage_kernel_api.core.operators.async_map.calls import AsyncCalls
from sage_kernel_api.core.operators.async_map.loop_host import LoopHost, SharedLoop
from sage_kernel_api.core.operators.async_map.options import AsyncMapOptions
from sage_kernel_api.core.operators.async_map.rate_limit import RateLimit
from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.core.policies import Policies
from sage_kernel_api.errors import ChannelClosedError, LeakedTaskError
from sage_kernel_api.lifecycle import blame_record
from sage_kernel_api.runnable import KIND_ASYNC_MAP, MIN_WATERMARK_US, AsyncOutcome
from sage_kernel_api.values import DEAD_LETTER_OUTPUT, NONE_KEY, DeadLetter, Payload

__all__ = ["AsyncMapOperator"]

R = TypeVar("R")

_LOOK_S: Final = 0.05
"""How often a waiting step looks whether its job is being cancelled."""
_CANCEL_S: Final = 0.4
"""How long cancelled calls may take to end."""
_CLOSE_S: Final = 10.0
"""How long ``close_async`` may take; a job that is being cancelled waits `_CANCEL_S`."""


class AsyncMapOperator(BaseOperator):
    """Calls a coroutine function for each record, many at once; an `AsyncRunnable`.

    Attributes:
        options: How to call.
        policies: The step's policies: carried out here where the kernel does not do it.
        host: Brings the event loop.
    """

    kind = KIND_ASYNC_MAP

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        self.options: AsyncMapOptions = AsyncMapOptions()
        self.policies: Policies = Policies()
        self.host: LoopHost = SharedLoop()
        self._changed = threading.Event()
        self._calls: AsyncCalls | None = None
        self._is_drained_by_kernel = False
        self._must_close_async = False
        self._limit: RateLimit | None = None
        context: object = execution_context
        self._timed = context if isinstance(context, SupportsEventTime) else None

    @property
    def reads_key(self) -> bool:
        """True: a result goes out later, under the key of its record."""
        return True

    def open(self) -> None:
        """Open the function on both sides: here and on the event loop."""
        super().open()
        options = self.options
        if options.rate_limit is not None:
            options.rate_limit.admit(self.context.name, self.context.get_parallelism())
            self._limit = options.rate_limit
        loop = self.host.acquire()
        self._calls = AsyncCalls(
            loop,
            self._make_attempts(),
            capacity=options.capacity,
            ordered=options.ordered,
            results_of=_or_nothing if self.policies.none_result == "drop" else _one,
            wake=self._changed.set,
        )
        if isinstance(self.function, AsyncMapFunction):
            self._must_close_async = True
            self._await(self.function.open_async())

    def _make_attempts(self) -> Attempts:
        function, options = self.function, self.options
        policy = self.policies.step_policies
        retries, delay_s = options.retries, options.retry_delay_s
        if retries is None and policy.get("on_error") == "retry":
            # Done here, beside the other calls, instead of holding up the whole task.
            retries, delay_s = policy.get("retries", 3), policy.get("retry_delay_s", 0.1)
        return Attempts(
            function.execute if isinstance(function, AsyncMapFunction) else function,
            timeout_s=options.timeout_s,
            retries=retries or 0,
            retry_delay_s=delay_s,
            retry_on=options.retry_on,
            rate_limit=options.rate_limit,
        )

    # --- for kernels that know asynchronous steps ---------------------------------------------

    def set_waker(self, wake: Callable[[], None]) -> None:
        """Leave emitting, and the policies, to the kernel."""
        self._is_drained_by_kernel = True
        self._opened.wake = wake

    def room(self) -> int:
        """Return how often ``process`` may be called now."""
        return self._opened.room

    def drain(self) -> Sequence[AsyncOutcome]:
        """Return the records that have ended since."""
        return list(iter(self._opened.take, None))

    def pending(self) -> Sequence[AsyncOutcome]:
        """Return the records in the step."""
        return self._opened.pending()

    def in_flight(self) -> int:
        """Return how many records are in the step."""
        return self._opened.in_flight

    # --- for all kernels ----------------------------------------------------------------------

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Have the function called with *data*.

        Raises:
            BaseException: An earlier record failed, and the policy is to fail (or does not cover
                such an error). It is blamed on that record; the function is not called with *data*.
            ChannelClosedError: The job is ending while this waits; *data* is dropped.
        """
        calls = self._opened
        if not self._is_drained_by_kernel:
            self._emit_ready()
            while not calls.room:
                self._wait_for_outcome()
                self._emit_ready()
            if self._timed is not None:
                # Nobody asks for the input here, and so its place carries the event time.
                time_us = self._timed.event_time_us
                input_index = MIN_WATERMARK_US if time_us is None else time_us
        calls.give(data, self.context.get_key(), input_index)

    def on_watermark(self, watermark_us: int) -> None:
        """Let time not overtake the calls: wait for all, unless the kernel sees to that."""
        self._emit_all()

    def next_due_us(self) -> int | None:
        """Return None: this step does not look at the clock."""
        return None

    def on_processing_time(self, now_us: int) -> None:
        """Do nothing: this step does not look at the clock."""

    def finish(self) -> None:
        """Wait for all calls and emit their results."""
        self._emit_all()

    def _emit_all(self) -> None:
        calls = self._opened
        while not self._is_drained_by_kernel and calls.in_flight:
            self._wait_for_outcome()
            self._emit_ready()

    def close(self) -> None:
        """Cancel what runs, close the function on both sides, let go of the event loop.

        Raises:
            LeakedTaskError: A call ignores its cancellation, or blocks the event loop.
        """
        limit, self._limit = self._limit, None
        if limit is not None:
            limit.dismiss(self.context.name)
        try:
            self._close_calls()
        finally:
            super().close()

    def _close_calls(self) -> None:
        calls, self._calls = self._calls, None
        if calls is None:
            return
        try:
            try:
                self._cancel(calls)
            finally:
                self._close_function()
        finally:
            self.host.release()

    def _cancel(self, calls: AsyncCalls) -> None:
        left = self._wait_for(self.host.start(calls.cancel(_CANCEL_S)), 2 * _CANCEL_S)
        if left:
            raise LeakedTaskError(
                f"{left} calls of the asynchronous step {self.context.name!r} went on for "
                f"{_CANCEL_S:g} s after they were cancelled, and were abandoned. Let "
                "asyncio.CancelledError pass through the function."
            )

    def _close_function(self) -> None:
        if self._must_close_async:
            self._must_close_async = False
            limit_s = _CANCEL_S if self.context.should_stop() else _CLOSE_S
            self._wait_for(self.host.start(self.function.close_async()), limit_s)

    # --- the policies -------------------------------------------------------------------------

    def _emit_ready(self) -> None:
        # Taken one by one: what is not taken when sending raises is still in the step.
        take = self._opened.take
        while (outcome := take()) is not None:
            with self._time_of(outcome):
                key = NONE_KEY if outcome.key is None else outcome.key
                if outcome.error is not None:
                    self._settle(outcome, outcome.error, key)
                for result in outcome.results:
                    self.context.send_data(result, partition_key=key)

    @contextmanager
    def _time_of(self, outcome: AsyncOutcome) -> Iterator[None]:
        timed = self._timed
        if timed is None:
            yield
            return
        before_us, time_us = timed.event_time_us, outcome.input_index
        timed.event_time_us = None if time_us == MIN_WATERMARK_US else time_us
        try:
            yield
        finally:
            timed.event_time_us = before_us

    def _settle(self, outcome: AsyncOutcome, error: BaseException, key: Payload) -> None:
        policy = self.policies.step_policies
        decision: str = policy.get("on_error", "fail")
        if decision == "retry":
            decision = policy.get("after_retries", "fail")
        if decision == "fail" or not isinstance(error, Exception):
            raise blame_record(error, outcome.record)
        if decision == "dead_letter":
            letter = DeadLetter(outcome.record, self.context.name, error, outcome.attempts)
            self.context.send_data(letter, DEAD_LETTER_OUTPUT, key)
        else:
            self.logger.warning("step %s skipped a record: %r", self.context.name, error)

    # --- waiting ------------------------------------------------------------------------------

    @property
    def _opened(self) -> AsyncCalls:
        assert self._calls is not None, "used between open and close only"
        return self._calls

    def _wait_for_outcome(self) -> None:
        calls = self._opened
        while not self.host.wait(lambda: calls.has_outcome, self._changed, _LOOK_S):
            if self.context.should_stop():
                raise ChannelClosedError(
                    f"The job is ending; step {self.context.name!r} waits no longer for its "
                    f"{calls.in_flight} records."
                )

    def _await(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Wait for *coroutine*; cancel it if the job ends before."""
        answer = self.host.start(coroutine)
        try:
            while not self._is_done_soon(answer, _LOOK_S):
                if self.context.should_stop():
                    raise ChannelClosedError(
                        f"The job is ending; step {self.context.name!r} was not opened."
                    )
        finally:
            answer.cancel()
        return answer.result()

    def _wait_for(self, answer: Future[R], limit_s: float) -> R:
        if not self._is_done_soon(answer, limit_s):
            answer.cancel()
            raise LeakedTaskError(
                f"The asynchronous step {self.context.name!r} did not close within {limit_s:g} s: "
                "close_async hangs, or a call blocks the event loop without await."
            )
        return answer.result()

    def _is_done_soon(self, answer: Future[Any], limit_s: float) -> bool:
        changed = threading.Event()
        answer.add_done_callback(lambda _: changed.set())
        return self.host.wait(answer.done, changed, limit_s)


def _one(result: Payload) -> tuple[Payload, ...]:
    return (result,)


def _or_nothing(result: Payload) -> tuple[Payload, ...]:
    return () if result is None else (result,)
