"""A task as a step function: ``step() -> progressed | idle | done``.

Layer: engine. Knows no thread: a lane calls `step` again and again, and sleeps when told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

from sage_kernel_api.errors import ChannelClosedError, StepError
from sage_kernel_api.runnable import AsyncOutcome, SourcePoll, SourceRunnable
from sage_kernel_api.values import Payload
from sage_kernel_default.engine.assembly import Assembly
from sage_kernel_default.engine.async_steps import AsyncStep
from sage_kernel_default.engine.failures import step_error
from sage_kernel_default.engine.inlets import Inlet, TakenRecords
from sage_kernel_default.engine.marks import Mark, Watermark
from sage_kernel_default.engine.operators import Operator
from sage_kernel_default.engine.outlets import least_fitting
from sage_kernel_default.engine.pacing import Pacer
from sage_kernel_default.engine.ports import (
    DONE,
    PROGRESSED,
    Clock,
    Outcome,
    Patience,
    SnapshotDesk,
    Supervisor,
)
from sage_kernel_default.engine.segments import Time, clearable
from sage_kernel_default.engine.snapshots import Beginning, TaskSnapshots
from sage_kernel_default.engine.task_time import TaskTime
from sage_kernel_default.engine.wiring import Wiring

__all__ = ["Task", "TaskTimes"]

_GATE = Outcome("idle", "the other tasks to open")
_PAUSED = Outcome("idle", "the job to be resumed")
_ROOM = Outcome("idle", "room downstream")
_INPUT = Outcome("idle", "input")
_CALLS = Outcome("idle", "asynchronous calls")
_COMMIT = Outcome("idle", "the last checkpoint")

_SPILL_AFTER: Final = 65_536
"""Records that one call of a step may emit before they go on in the middle of it."""


@dataclass(slots=True)
class TaskTimes:
    """Where the time of a task went, in seconds."""

    busy_s: float = 0.0
    idle_s: float = 0.0
    blocked_s: float = 0.0


class Task:
    """One chain of operators on one lane: open, run frame by frame, finish, close.

    All calls of user code of the task happen inside of `step`, which never raises: failures
    go to the supervisor.

    Attributes:
        state: For status.
        working_on: Id of the step whose life-cycle method or poll runs; for messages about
            tasks that do not come back.
        has_open_calls: When it last began to wait, asynchronous calls were under way.
        waits_for_commit: It last began to wait for the commit of the last checkpoint.
    """

    def __init__(
        self,
        assembly: Assembly,
        supervisor: Supervisor,
        clock: Clock,
        patience: Patience,
        pace: Pacer,
    ) -> None:
        """Args: pace: How many records are taken at once, and so how long results are held."""
        self.assembly = assembly
        self.state: Literal["created", "running", "done", "failed"] = "created"
        self.times = TaskTimes()
        self.working_on = assembly.spec.group.steps[0]
        self._supervisor = supervisor
        self._clock = clock
        self._patience = patience
        self._pace = pace
        self._opened: list[Operator] = []
        self._wiring: Wiring | None = None
        self._has_source_ended = False
        self._left_s: float | None = None
        self._worked_until = 0.0
        self._last_wait = ""
        self._spill_after = min(pace.most * 4, _SPILL_AFTER)
        self._broken: BaseException | None = None
        self._waited_s = 0.0
        self.has_open_calls = False
        self.waits_for_commit = False
        self.snapshots: TaskSnapshots | None = None

    def attach(self, desk: SnapshotDesk, beginning: Beginning) -> None:
        """Take part in the checkpoints of the job; before the first `step`."""
        spec = self.assembly.spec
        self.snapshots = TaskSnapshots(spec.id, spec.index, desk, beginning, self._begin)

    # --- driven by the lane ----------------------------------------------------------------

    def step(self) -> Outcome:
        """Do a bounded piece of work; see `Outcome`."""
        begun = self._clock.now_s()
        self._account_for_waiting(begun)
        try:
            outcome = self._advance()
        except BaseException as error:  # noqa: BLE001 - any failure of user code fails the job
            self._fail(error)
            outcome = self._end()
        self._left_s = self._clock.now_s()
        self.times.busy_s += self._left_s - begun - self._waited_s
        self._waited_s = 0.0
        self._note_wait(outcome.waiting_on)
        return outcome

    @property
    def waiting_on(self) -> str:
        """Return what it waits for, in words, if it waits."""
        return self._last_wait

    def _note_wait(self, waiting_on: str) -> None:
        self._last_wait = waiting_on
        if waiting_on and (wiring := self._wiring) is not None and wiring.calls is not None:
            self.has_open_calls = wiring.calls.is_working
        # The last checkpoint is stored by somebody outside of the tasks, who then rings.
        self.waits_for_commit = waiting_on == _COMMIT.waiting_on

    def interrupt(self) -> None:
        """End the running loops after the record at hand. From any thread, when stopping."""
        if (wiring := self._wiring) is not None:
            for segment in wiring.segments:
                segment.current.clear()

    def lose(self, error: BaseException) -> None:
        """Tell the job that the lane is gone: nothing of the task runs again, nor is closed."""
        self._fail(error)

    def _advance(self) -> Outcome:
        if self._supervisor.is_stopping:
            return self._end()
        if self._wiring is None:
            self._open()
            return PROGRESSED
        if not self._supervisor.is_released:
            return _GATE
        if self._supervisor.is_paused:
            return _PAUSED
        if (snapshots := self.snapshots) is not None and snapshots.is_due:
            snapshots.look()
            if snapshots.is_final and not snapshots.must_wait:
                return self._end()
            return PROGRESSED
        if self._is_blocked(self._wiring):
            return _ROOM
        if (time := self._wiring.time) is None:
            return self._work(self._wiring)
        time.fire(self._clock.wall_us(), self._settle_now)
        outcome = self._work(self._wiring)
        return self._until_due(time, outcome) if outcome.kind == "idle" else outcome

    def _until_due(self, time: TaskTime, outcome: Outcome) -> Outcome:
        """Let an idle task be called again when its next timer is due, or others wait in vain."""
        now_s = self._clock.now_s()
        time.move(self._settle_now, now_s)
        waits_s = [*time.waits_s(now_s, self._clock.wall_us())]
        if outcome.wait_s is not None:
            waits_s.append(outcome.wait_s)
        return replace(outcome, wait_s=min(waits_s, default=None))

    def _account_for_waiting(self, now_s: float) -> None:
        if self._left_s is None or not self._last_wait:
            return
        if self._last_wait == _ROOM.waiting_on:
            self.times.blocked_s += now_s - self._left_s
        else:
            self.times.idle_s += now_s - self._left_s

    @property
    def where_it_is(self) -> str:
        """Return the id of the step whose code runs now; a good guess from another thread."""
        running = self._wiring.running_step if self._wiring is not None else None
        return running or self.working_on

    # --- life ------------------------------------------------------------------------------

    def _open(self) -> None:
        self.state = "running"
        operators = self.assembly.make_operators(self._begin, self._clock.wall_us)
        snapshots = self.snapshots
        if snapshots is not None:
            snapshots.restore(operators)
        for operator in operators:
            if snapshots is not None and snapshots.has_all_finished:
                break  # opening them again could undo what they did, as emptying a file
            self._begin(operator.step.id)
            # Noted first: close() is promised also to a step whose open() raised.
            self._opened.append(operator)
            try:
                operator.runnable.open()
            except BaseException as error:
                raise step_error(operator.step, error, doing="open") from error
        self._wiring = self.assembly.wire(operators, self.breathe, self.pause, self._spill_after)
        if snapshots is not None and snapshots.has_all_finished:
            # Its steps were not opened, and nothing will come.
            self._wiring.calls = self._wiring.time = None
        if self._wiring.calls is not None:
            self._wiring.calls.wake_by(self._patience.ring)
        if snapshots is not None:
            snapshots.connect(self._wiring, self._wiring.inlets.in_order)
            self._has_source_ended = snapshots.has_finished(operators[0])
        self._supervisor.task_opened()

    def _work(self, wiring: Wiring) -> Outcome:
        if wiring.member is not None:
            wiring.member.tell_active()
        limit = self._pace.limit
        if (calls := wiring.calls) is not None:
            if ended := calls.ended():
                return self._hand_on(wiring, calls, ended)
            if (limit := min(limit, calls.room)) == 0:
                return _CALLS
        if (snapshots := self.snapshots) is not None:
            if snapshots.is_final:
                return _COMMIT
            if snapshots.is_waiting:
                snapshots.look_for_ends()
            if snapshots.has_replay:
                return self._run(wiring, *snapshots.next_replay(limit))
        taken = wiring.inlets.take(limit)
        if taken is not None:
            if not isinstance(taken, TakenRecords):
                return self._take_mark(wiring, *taken)
            inlet, values, keys, times = taken
            count = len(values)
            if snapshots is not None and inlet.goes_first:
                snapshots.log(inlet, values, keys, times)
            self._run(wiring, inlet, values, keys, times)
            inlet.channel.consume(count)
            return _INPUT if self._only_input_helps(wiring) else PROGRESSED
        if wiring.is_source and not self._has_source_ended:
            return self._poll(wiring)
        return self._without_input(wiring)

    def _only_input_helps(self, wiring: Wiring) -> bool:
        """Tell at a glance whether another step would find nothing to do; False if unsure.

        Where records come one by one, every second step would be such a one. What comes after
        this look rings the bell; what came before it is seen here, since a step that waited for
        room within the user's code may have heard its ring.
        """
        return (
            self.snapshots is None
            and wiring.time is None
            and wiring.calls is None
            and wiring.member is None
            and not wiring.is_source
            and wiring.inlets.is_silent
            and not self._supervisor.is_stopping
            and not self._supervisor.is_paused
            and not self._is_blocked(wiring)
        )

    def _is_blocked(self, wiring: Wiring) -> bool:
        for outlet in wiring.outlets:  # noqa: SIM110 - a loop takes a third of what any() does
            if outlet.is_full:
                return True
        return False

    def _run(
        self,
        wiring: Wiring,
        inlet: Inlet,
        values: list[Payload],
        keys: list[Payload],
        times: list[Time] | None = None,
    ) -> Outcome:
        begun, count = self._clock.now_s(), len(values)
        inlet.segment.run(values, keys, times or [])
        self._settle(wiring)
        self._move_time(wiring)
        self._pace.took(
            self._worked_until - begun,
            count,
            fitting=least_fitting(wiring.outlets),
            behind=inlet.behind,
        )
        return PROGRESSED

    def _take_mark(self, wiring: Wiring, inlet: Inlet, mark: Mark) -> Outcome:
        if isinstance(mark, Watermark):
            self._take_time(wiring, wiring.inlets.watermark(inlet, mark))
        elif self.snapshots is not None:
            self.snapshots.barrier(inlet, mark.epoch)
        return PROGRESSED

    def _take_time(self, wiring: Wiring, mark: Watermark | None) -> None:
        if mark is None or wiring.time is None:
            return
        if wiring.calls is not None:
            # Time must not overtake the records that are inside of the step.
            wiring.calls.hold(mark)
            self._release_time(wiring, wiring.calls)
        else:
            wiring.time.take(mark)
        self._move_time(wiring)

    def _release_time(self, wiring: Wiring, calls: AsyncStep) -> None:
        for mark in calls.released():
            if wiring.time is not None:
                wiring.time.take(mark)

    def _move_time(self, wiring: Wiring) -> None:
        if wiring.time is not None:
            wiring.time.move(self._settle_now, self._clock.now_s())

    def _hand_on(self, wiring: Wiring, calls: AsyncStep, ended: Sequence[AsyncOutcome]) -> Outcome:
        failure = calls.hand_on(ended)
        self._settle(wiring)
        if failure is not None:
            raise failure
        self._release_time(wiring, calls)
        self._move_time(wiring)
        return PROGRESSED

    def _without_input(self, wiring: Wiring) -> Outcome:
        for watermark in wiring.inlets.watermarks_of_ended():
            self._take_time(wiring, watermark)
        if self.snapshots is not None:
            self.snapshots.look_for_ends()
        if wiring.calls is not None and wiring.calls.is_working:
            return _CALLS
        if wiring.inlets.has_ended(outside_of_loop=False):
            return self._finish(wiring)
        if wiring.member is None or not wiring.inlets.has_ended(outside_of_loop=True):
            return _INPUT
        wiring.member.tell_passive()
        # Members that only feed the loop's own edges end when their inputs in the loop do.
        if wiring.member.monitor.is_dry and wiring.inlets.has_ended_but_for_feedback:
            return self._finish(wiring)
        return _INPUT

    def _poll(self, wiring: Wiring) -> Outcome:
        source, segment = wiring.operators[0], wiring.source_segment
        self._begin(source.step.id)
        begun = self._clock.now_s()
        try:
            poll: SourcePoll = cast("SourceRunnable", source.runnable).poll(self._pace.limit)
            records = clearable(poll.records)
        except BaseException as error:
            raise step_error(source.step, error, doing="poll") from error
        polled, count = self._clock.now_s(), len(records)
        source.counters.polled += count
        if records and segment is not None:
            segment.run(records, [], [])
        self._settle(wiring)
        self._move_time(wiring)
        self._pace.took(
            self._worked_until - begun,
            count,
            waited_s=polled - begun,
            sent_s=self._clock.now_s() - self._worked_until,
            fitting=least_fitting(wiring.outlets),
        )
        self._has_source_ended = poll.status == "ended"
        if poll.status == "idle":
            return Outcome("idle", _INPUT.waiting_on, max(poll.wait_s, 0.0))
        return PROGRESSED

    def _finish(self, wiring: Wiring) -> Outcome:
        snapshots = self.snapshots
        for operator in wiring.operators:
            if self._supervisor.is_stopping:
                return self._end()
            if snapshots is not None and snapshots.has_finished(operator):
                continue
            self._begin(operator.step.id)
            if wiring.time is not None:
                wiring.time.end(operator, self._settle_now)
            try:
                operator.runnable.finish()
            except BaseException as error:
                raise step_error(operator.step, error, doing="finish") from error
            self._settle(wiring)
        for outlet in wiring.outlets:
            outlet.close()
        if snapshots is not None:
            snapshots.finish()
            if snapshots.must_wait:
                return PROGRESSED
        return self._end()

    def _end(self) -> Outcome:
        """Close every step that was opened, whatever the others raise."""
        opened, self._opened = self._opened, []
        for operator in opened:
            self._begin(operator.step.id)
            try:
                operator.runnable.close()
            except BaseException as error:  # noqa: BLE001 - reported; the others must be closed
                failure = step_error(operator.step, error, doing="close")
                self._fail(failure)
        if self.state != "failed":
            self.state = "done"
        return DONE

    def _fail(self, error: BaseException) -> None:
        cause = error.__cause__ if isinstance(error, StepError) else error
        if isinstance(cause, ChannelClosedError) and self._supervisor.is_stopping:
            return  # ours: it unwound a step that was waiting when the job ended
        self.state = "failed"
        self._supervisor.task_failed(error)

    # --- called from within a step -----------------------------------------------------------

    def breathe(self) -> None:
        """Move on what was emitted so far; wait while a receiver has no room."""
        wiring = self._wiring
        if wiring is None:
            return
        try:
            self._move_on(wiring)
        except BaseException as error:
            # It goes up through the user's code that is sending, which may catch it.
            self._broken = error
            raise
        while any(outlet.is_full for outlet in wiring.outlets):
            self._refuse_if_stopping()
            if not self._wait_for_room():
                return
        self._refuse_if_stopping()

    def _wait_for_room(self) -> bool:
        self._note_wait(_ROOM.waiting_on)
        begun = self._clock.now_s()
        could_wait = self._patience.wait(None)
        waited_s = self._clock.now_s() - begun
        self._waited_s += waited_s
        self.times.blocked_s += waited_s
        return could_wait

    def pause(self, seconds: float) -> None:
        """Let *seconds* pass, unless the job ends before."""
        until = self._clock.now_s() + seconds
        while (left := until - self._clock.now_s()) > 0:
            self._refuse_if_stopping()
            if not self._patience.wait(left):
                return
        self._refuse_if_stopping()

    def _refuse_if_stopping(self) -> None:
        if self._supervisor.is_stopping:
            raise ChannelClosedError("The job is ending; the record was not sent.")

    def _settle_now(self) -> None:
        if self._wiring is not None:
            self._settle(self._wiring)

    def _settle(self, wiring: Wiring) -> None:
        """End a frame: nothing of it stays in the task, and no failure of it is forgotten."""
        if self._broken is not None:
            raise self._broken
        self._move_on(wiring)

    def _move_on(self, wiring: Wiring) -> None:
        wiring.run_segments()
        # What sending costs is no reason for smaller frames: most of it is paid per frame.
        self._worked_until = self._clock.now_s()
        for outlet in wiring.outlets:
            try:
                outlet.flush()
            except Exception as error:
                # A key without encoding, or what the user's partitioner raised.
                step = self.assembly.plan.steps[outlet.edge.upstream]
                raise step_error(step, error, doing="send") from error

    def _begin(self, step_id: str) -> None:
        self.working_on = step_id
