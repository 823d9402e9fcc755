"""What a test does with a step: records, time, transactions, snapshots, the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar, cast

from sage_kernel_api.core.event_time.instants import Instant, instant_us
from sage_kernel_api.errors import JobStateError, PipelineError
from sage_kernel_api.runnable import KIND_SOURCE, TransactionalRunnable
from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_api.testing.script import Pause, ScriptAbortError, ScriptMark, Watermark
from sage_kernel_api.values import Payload
from sage_kernel_mock.harness.bench import Bench
from sage_kernel_mock.harness.step_life import StepLife
from sage_kernel_mock.snapshot import StepSnapshot, take_snapshot

__all__ = ["StepActs"]

I = TypeVar("I")  # noqa: E741 - the field's letter for an input
O = TypeVar("O")  # noqa: E741 - the field's letter for an output


class StepActs(StepLife[I, O], Generic[I, O]):
    """Records, time, transactions, snapshots."""

    def push(
        self, data: I, *, key: Payload = None, input_index: int = 0, at: Instant | None = None
    ) -> None:
        """Give the step one record; when it returns, the function has worked on it.

        Calls of an asynchronous function have begun; what they wait for passes by
        `advance_processing_time` or `finish`.

        Args:
            data: The record.
            key: Its key, as a keyby before the step would give it.
            input_index: At which input it arrives, for joins and comaps.
            at: Its event time: seconds since 1970, or a datetime with a time zone; None for none.

        Raises:
            PipelineError: The step is a source.
            ConfigurationError: *at* is no instant.
            Exception: What the function raised, if the policy is to fail.
        """
        bench = self._opened()
        if self._is_source(bench):
            raise PipelineError(f"{bench.step['id']!r} is a source: ask it with poll() or run().")
        bench.push(data, key, input_index, None if at is None else instant_us(at))

    def push_all(self, records: Iterable[I], *, key: Payload = None, input_index: int = 0) -> None:
        """Give the step records in order; see `push`."""
        for record in records:
            self.push(record, key=key, input_index=input_index)

    def play(
        self,
        *script: I | Pause | Watermark | ScriptMark,
        key: Payload = None,
        input_index: int = 0,
        time_of: Callable[[I], Instant] | None = None,
    ) -> None:
        """Play a script into the step, as `scripted_source` plays it into a pipeline.

        A record is pushed; ``PAUSE(s)`` lets processing time pass, ``WATERMARK(t)`` event time;
        ``EOF``, and the end of the script, say that all inputs have ended.

        Args:
            script: Records, and marks among them.
            key: Of the records.
            input_index: At which input they arrive.
            time_of: Gives each record its event time.

        Raises:
            ScriptAbortError: The script said ABORT; what came before it was given to the step.
            Exception: What the function raised; the rest of the script was not played.

        Example:
            >>> from sage_kernel_api import TumblingTimeWindows
            >>> from sage_kernel_api.testing.script import EOF, WATERMARK
            >>> from sage_kernel_mock import StepHarness
            >>> sums = StepHarness[int, int].of(
            ...     lambda stream: stream.window(TumblingTimeWindows(10)).reduce(lambda a, b: a + b)
            ... )
            >>> sums.play(1, 12, WATERMARK(10), 3, 14, EOF, time_of=float)
            >>> sums.outputs
            [1, 26]
        """
        for at, entry in enumerate(script):
            match entry:
                case ScriptMark.EOF:
                    break
                case ScriptMark.ABORT:
                    raise ScriptAbortError(f"The script said ABORT at its entry {at}.")
                case Pause(seconds):
                    self.advance_processing_time(seconds)
                case Watermark(instant):
                    self.advance_watermark(instant)
                case record:
                    time = None if time_of is None else time_of(record)
                    self.push(record, key=key, input_index=input_index, at=time)
        self.finish()

    def poll(self) -> list[O]:
        """Ask a source once; return what it had, which is nothing if it is idle or has ended.

        Raises:
            PipelineError: The step is no source.
            Exception: What the function raised.
        """
        return list(self._source().poll().records)

    def run(self, limit: int | None = None) -> list[O]:
        """Ask a source until it has ended, or given *limit* records; idle time passes at once.

        Returns:
            What it gave now.

        Raises:
            PipelineError: The step is no source.
            CapabilityError: It has nothing, again and again.
            Exception: What the function raised.
        """
        sent = self._source().context.sent
        before = len(sent)
        self._source().run_source(lambda: limit is not None and len(sent) - before >= limit)
        return [record.data for record in sent[before:]]

    @property
    def has_ended(self) -> bool:
        """True for a source that has ended."""
        return self._bench is not None and self._bench.has_ended

    def advance_processing_time(self, seconds: float) -> None:
        """Let *seconds* pass on the clock, and what falls due meanwhile happen, in its order.

        Raises:
            ConfigurationError: *seconds* is negative or not a number.
            Exception: What the function raised.
        """
        self._opened().pass_time(seconds)

    def advance_watermark(self, at: Instant) -> None:
        """Say that event time is over up to *at*: windows close, timers of event time fire.

        Never goes back: an earlier instant than the last one changes nothing.

        Raises:
            ConfigurationError: *at* is no instant.
            Exception: What the function raised.
        """
        self._opened().advance_watermark(instant_us(at))

    def finish(self) -> None:
        """Say that all inputs have ended: open calls are waited for, what was held back comes.

        Raises:
            Exception: What the function raised.
        """
        self._opened().finish()

    # --- transactions --------------------------------------------------------------------------

    def pre_commit(self, epoch: int | None = None) -> Payload:
        """End the transaction of a sink, as a checkpoint does, and begin the next one.

        Args:
            epoch: Number of the checkpoint; None for the next one, from 1.

        Returns:
            The handle that goes into the checkpoint; None if nothing came.

        Raises:
            JobStateError: The test does not decide about transactions; see `coordinate`.
            Exception: What the function raised: it votes no.
        """
        sink = self._transactional()
        self._epoch = number = self._epoch + 1 if epoch is None else epoch
        return self._opened().act("pre_commit", lambda: sink.pre_commit(number))

    def commit(self, handle: Payload) -> None:
        """Let a sink make visible what it has pre-committed; the checkpoint is durable.

        Raises:
            JobStateError: The test does not decide about transactions; see `coordinate`.
            Exception: What the function raised.
        """
        sink = self._transactional()
        self._opened().act("commit", lambda: sink.commit(handle))

    # --- what it has to remember ---------------------------------------------------------------

    def snapshot(self, codec: ValueCodec | None = None) -> StepSnapshot:
        """Return all that the step has to remember, as a checkpoint would; see `restore`.

        Args:
            codec: Encodes the values; None for one that takes what every kernel takes, which are
                plain data and registered classes.

        Raises:
            StateError: Something cannot be encoded; the message says what.
        """
        bench = self._opened()
        return take_snapshot(bench.runnable, bench.context, codec or ValueCodec())

    def _transactional(self) -> TransactionalRunnable:
        bench = self._opened()
        if self._handles is None:
            raise JobStateError(
                "This sink commits by itself when its input ends. Say coordinate(), or "
                "recover(...), before the first record, and the test decides when."
            )
        return cast("TransactionalRunnable", bench.runnable)

    def _source(self) -> Bench:
        bench = self._opened()
        if not self._is_source(bench):
            raise PipelineError(f"{bench.step['id']!r} is no source: give it records with push().")
        return bench

    def _is_source(self, bench: Bench) -> bool:
        return bench.step["kind"] == KIND_SOURCE
