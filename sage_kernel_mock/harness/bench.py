"""Runs one task of the mock kernel by hand: gives it records, lets time pass, settles it.

Knows tasks and time; nothing of functions and of what a test wants to see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar, cast

from sage_kernel_api.errors import CapabilityError, PipelineError, StepError
from sage_kernel_api.lifecycle import TransformationConfig
from sage_kernel_api.runnable import KIND_SOURCE, Runnable, SourcePoll, TransactionalRunnable
from sage_kernel_api.values import Payload
from sage_kernel_mock.async_task import AsyncTask, wait_for_any
from sage_kernel_mock.contexts import MockExecutionContext
from sage_kernel_mock.event_time import TimeMark
from sage_kernel_mock.facade import MockKernelFacade
from sage_kernel_mock.harness.description import Surroundings
from sage_kernel_mock.ledger import EdgeLedger, StepTally
from sage_kernel_mock.step_work import TaskParts
from sage_kernel_mock.timeline import Timeline
from sage_kernel_mock.transport import Outlet
from sage_kernel_mock.wiring import task_class

__all__ = ["Bench"]

T = TypeVar("T")

_IDLE_LIMIT: Final = 10_000
_TEST: Final = "the test"


class Bench:
    """One step, made but not open.

    What user code raises comes out as it was raised, with a note that names step and record: a
    test is about the function, not about how a job would report it.

    Attributes:
        runnable: The instance under test.
        context: The surroundings of the step; has what it sent.
        tally: Its counters.
        has_ended: True for a source that has ended.
    """

    def __init__(
        self, step: TransformationConfig, surroundings: Surroundings, kernel: MockKernelFacade
    ) -> None:
        self.step = step
        self.context: MockExecutionContext = kernel.create_execution_context(
            {
                "name": step["id"],
                "env_name": surroundings.env_name,
                "config": surroundings.config,
                "parallelism": surroundings.parallelism,
                "parallel_index": surroundings.parallel_index,
                "is_source": step["kind"] == KIND_SOURCE,
            }
        )
        self.tally = StepTally()
        self.has_ended = False
        self._timeline = Timeline(kernel.clock)
        self._edges: dict[int, EdgeLedger] = {}
        parts = TaskParts(kernel.journal, kernel.faults, self._timeline, _nobody)
        self._task = task_class(step)(0, step, self.context, self.tally, parts)
        self._task.time.inputs.expect(_TEST)
        with _as_it_was_raised():
            self._task.make()
        # Kept, because a task lets go of its instance when it closes it.
        self.runnable: Runnable = self._task.opened()

    def coordinate(self, handles: Sequence[Payload]) -> None:
        """Tell a sink that somebody else commits, and what was decided before it began.

        Raises:
            PipelineError: It has no transactions.
        """
        if not hasattr(self.runnable, "coordinate"):
            raise PipelineError(
                f"{self.step['id']!r} has no transactions: it is no TransactionalSinkFunction."
            )
        sink = cast("TransactionalRunnable", self.runnable)
        sink.coordinate()
        self.act("recover", lambda: sink.recover(handles))

    def act(self, doing: str, call: Callable[[], T]) -> T:
        """Run user code; *doing* is what the journal and the faults call it."""
        with _as_it_was_raised():
            return self._task.act(doing, call)

    def open(self) -> None:
        """Open the step."""
        with _as_it_was_raised():
            self._task.open()

    def push(
        self, data: Payload, key: Payload, input_index: int, time_us: int | None = None
    ) -> None:
        """Give the step one record, and let go on what can without time passing."""
        edge = self._edges.setdefault(input_index, EdgeLedger("test", self.step["id"]))
        edge.produced += 1
        self._task.accept(data, key, input_index, edge, time_us)
        self._work()

    def poll(self) -> SourcePoll:
        """Ask a source once."""
        if self.has_ended:
            return SourcePoll((), "ended")
        with _as_it_was_raised():
            answer = self._task.poll()
        self.has_ended = answer.status == "ended"
        return answer

    def run_source(self, enough: Callable[[], bool]) -> None:
        """Ask a source until it has ended or there is *enough*; time passes while it is idle.

        Raises:
            CapabilityError: It had nothing 10 000 times in a row.
        """
        idle = 0
        while not self.has_ended and not enough():
            answer = self.poll()
            idle = idle + 1 if answer.status == "idle" and not answer.records else 0
            if answer.status == "idle":
                self.pass_time(answer.wait_s)
            if idle >= _IDLE_LIMIT:
                raise CapabilityError(
                    f"The source {self.step['id']!r} had nothing {_IDLE_LIMIT} times in a row; end "
                    "it with a StopSignal, or ask it by hand with poll()."
                )

    def pass_time(self, seconds: float) -> None:
        """Let time pass, from one timer to the next."""
        clock = self._timeline.clock
        end_s = clock.now_s + seconds
        while (due_s := self._task.time.due_in_s) < end_s - clock.now_s:
            self._timeline.pass_time(due_s)
            self._work()
        self._timeline.pass_time(end_s - clock.now_s if seconds >= 0 else seconds)
        self._work()

    def advance_watermark(self, time_us: int) -> None:
        """Tell the step that event time is over up to *time_us*."""
        self._task.accept_mark(cast("Outlet", _TEST), TimeMark(time_us))
        self._work()

    def finish(self) -> None:
        """Wait for all that is under way, on the clock, and let the step emit what it held back."""
        self._settle()
        with _as_it_was_raised():
            self._task.time.end()
        self._settle()
        with _as_it_was_raised():
            self._task.finish()
        self._settle()

    def close(self) -> None:
        """Close the step."""
        with _as_it_was_raised():
            self._task.close()

    def _work(self) -> None:
        try:
            with _as_it_was_raised():
                while True:
                    self._timeline.run_due()
                    if isinstance(self._task, AsyncTask):
                        self._task.emit()
                    if self._task.has_records:
                        self._task.work()
                    elif not self._task.time.look():
                        return
        except BaseException:
            # The job would end here. A test may go on, but not with the record that failed.
            self._task.discard()
            raise

    def _settle(self) -> None:
        task, timeline = self._task, self._timeline
        while True:
            if isinstance(task, AsyncTask) and task.in_flight:
                with _as_it_was_raised():
                    wait_for_any([task], lambda: timeline.host.wait_for(lambda: task.has_news))
            elif timeline.next_s is not None:
                timeline.pass_time(timeline.next_s - timeline.clock.now_s)
            else:
                return
            self._work()


@contextmanager
def _as_it_was_raised() -> Iterator[None]:
    caught: BaseException | None = None
    try:
        yield
    except StepError as failure:
        if failure.__cause__ is None:
            raise
        caught = failure.__cause__
        caught.add_note(str(failure))
    if caught is not None:
        # Outside of the handler, so that the error keeps the context that it was raised in.
        raise caught


def _nobody(rank: int) -> None:
    """Ignore that the task is ready: it is looked at all the time."""
