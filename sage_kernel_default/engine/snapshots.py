"""A task's part in the checkpoints of its job: barriers, snapshots, commits, restore.

Layer: engine. The task calls in between two frames; with checkpoints off nobody calls at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sage_kernel_api.runnable import TransactionalRunnable
from sage_kernel_api.values import Payload
from sage_kernel_default.checkpoint.values import StepSnapshot
from sage_kernel_default.engine.alignment import Align, Alignment, TakeSnapshot
from sage_kernel_default.engine.failures import step_error
from sage_kernel_default.engine.inlets import Inlet
from sage_kernel_default.engine.marks import Barrier
from sage_kernel_default.engine.operator_state import (
    FINISHED,
    Pending,
    encode_pending,
    has_finished,
    is_transactional,
    keyed_changes,
    operator_entries,
    restore_operator,
    restored_handles,
    restored_pending,
)
from sage_kernel_default.engine.operators import Operator
from sage_kernel_default.engine.ports import SnapshotDesk
from sage_kernel_default.engine.segments import Time
from sage_kernel_default.engine.wiring import Wiring

__all__ = ["Beginning", "TaskSnapshots"]


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a job begins with.

    Attributes:
        epoch: Epochs up to this one are in use already.
        steps: The restored state by state id, one snapshot for each old instance.
        is_again: An earlier attempt of the job has run in this process or another one.
    """

    epoch: int = 0
    steps: Mapping[str, Sequence[StepSnapshot]] = field(default_factory=dict)
    is_again: bool = False


@dataclass(slots=True, eq=False)
class _Transactions:
    """The pre-committed, not yet committed transactions of one step."""

    runnable: TransactionalRunnable
    open: list[tuple[int, Payload]] = field(default_factory=list)


class TaskSnapshots:
    """Takes the snapshots of one task and restores the first one.

    Every call comes from the task's own thread, between two records.
    """

    def __init__(
        self,
        task_id: str,
        index: int,
        desk: SnapshotDesk,
        beginning: Beginning,
        begin: Callable[[str], None],
    ) -> None:
        """Take what the task knows before its steps are made.

        Args:
            task_id: Of the task.
            index: Its parallel index.
            desk: The job's checkpoints.
            beginning: What the job begins with.
            begin: Told which step's code runs next; for messages about tasks that hang.
        """
        self._task_id = task_id
        self._index = index
        self._desk = desk
        self._beginning = beginning
        self._begin = begin
        self._operators: list[Operator] = []
        self._transactions: dict[str, _Transactions] = {}
        self._finished: set[str] = set()
        self._wiring: Wiring | None = None
        self._inlets: list[Inlet] = []
        self._alignment = Alignment(0)
        self._unended: set[int] = set()
        self._seen = beginning.epoch
        self._seen_verdict = desk.verdict
        self._open_epoch = 0
        self._open_snapshots: list[StepSnapshot] = []
        self._logged: list[bytes] = []
        self._replay: deque[tuple[Inlet, Payload, Payload, Time]] = deque()
        self.is_final = False

    # --- restore --------------------------------------------------------------------------

    def restore(self, operators: Sequence[Operator]) -> None:
        """Give the new, unopened steps what they begin with."""
        self._operators = list(operators)
        for operator in operators:
            step = operator.step
            saved = self._beginning.steps.get(step.state_id, ())
            self._begin(step.id)
            try:
                self._restore(operator, saved)
            except BaseException as error:
                raise step_error(step, error, doing="restore") from error

    def _restore(self, operator: Operator, saved: Sequence[StepSnapshot]) -> None:
        step, codec = operator.step, self._desk.codec
        if saved or self._beginning.is_again:
            restore_operator(operator, saved, codec, self._index)
        if has_finished(saved, self._index, step.parallelism):
            self._finished.add(step.id)
        if (runnable := is_transactional(operator)) is not None:
            self._transactions[step.id] = _Transactions(runnable)
            runnable.coordinate()
            runnable.recover(restored_handles(saved, codec, self._index, step.parallelism))

    def has_finished(self, operator: Operator) -> bool:
        """Tell whether the step had done its ``finish`` in the restored epoch."""
        return operator.step.id in self._finished

    @property
    def has_all_finished(self) -> bool:
        """True if nothing is left to do for any step of the task."""
        return len(self._finished) == len(self._operators)

    def connect(self, wiring: Wiring, inlets: Sequence[Inlet]) -> None:
        """Take the wired task; *inlets* in the order of its channels."""
        self._wiring = wiring
        self._inlets = list(inlets)
        feedback = [number for number, inlet in enumerate(inlets) if inlet.goes_first]
        self._alignment = Alignment(len(inlets), feedback)
        self._alignment.start_after(self._beginning.epoch)
        self._unended = set(range(len(inlets)))
        for operator in self._operators:
            saved = self._beginning.steps.get(operator.step.state_id, ())
            if saved:
                self._plan_replay(operator, saved, wiring)

    def _plan_replay(
        self, operator: Operator, saved: Sequence[StepSnapshot], wiring: Wiring
    ) -> None:
        edges = wiring.input_edges(operator.step.id)
        by_edge = {inlet.segment.edges[0]: inlet for inlet in reversed(self._inlets)}
        for record in restored_pending(saved, self._desk.codec, self._index, operator):
            # An edge that is gone by now: its records belong to the step all the same.
            number, value, key, time_us = record
            edge = edges[number] if number < len(edges) else edges[0]
            self._replay.append((by_edge[edge], value, key, time_us))

    @property
    def has_replay(self) -> bool:
        """True while records of the restored snapshot wait to enter their step again."""
        return bool(self._replay)

    def next_replay(self, limit: int) -> tuple[Inlet, list[Payload], list[Payload], list[Time]]:
        """Return at most *limit* of them, for one input; count them as produced again."""
        inlet = self._replay[0][0]
        values: list[Payload] = []
        keys: list[Payload] = []
        times: list[Time] = []
        while self._replay and self._replay[0][0] is inlet and len(values) < limit:
            _, value, key, time_us = self._replay.popleft()
            values.append(value)
            keys.append(key)
            times.append(time_us)
        assert self._wiring is not None
        self._wiring.ledger(inlet.segment.edges[0]).by_hand += len(values)
        return inlet, values, keys, times

    # --- between frames -----------------------------------------------------------------------

    @property
    def is_due(self) -> bool:
        """True if the job has said something new; looked at for each frame."""
        desk = self._desk
        return desk.requested != self._seen or desk.verdict is not self._seen_verdict

    def look(self) -> None:
        """Act on what the job has said."""
        if (verdict := self._desk.verdict) is not self._seen_verdict:
            self._seen_verdict = verdict
            self._commit(verdict.epoch, is_final=self._task_id in verdict.finished)
            if not self.is_final:
                self._act(self._alignment.give_up(verdict.given_up))
        if (requested := self._desk.requested) != self._seen:
            self._seen = requested
            if not self.is_final:
                self._act(self._alignment.request(requested))

    def barrier(self, inlet: Inlet, epoch: int) -> None:
        """Take a barrier that came to its turn."""
        self.look_for_ends()
        self._act(self._alignment.barrier(self._inlets.index(inlet), epoch))

    def log(
        self,
        inlet: Inlet,
        values: Sequence[Payload],
        keys: Sequence[Payload],
        times: Sequence[Time] | None,
    ) -> None:
        """Note records that come out of a loop while its barrier is under way."""
        if self._alignment.is_complete or self._inlets.index(inlet) not in self._alignment.logging:
            return
        number = self._edge_number(inlet)
        records = [
            (number, value, keys[place] if keys else None, times[place] if times else None)
            for place, value in enumerate(values)
        ]
        # At once: the step may change the records while it works on them.
        self._logged.extend(encode_pending(records, self._desk.codec))

    def _edge_number(self, inlet: Inlet) -> int:
        assert self._wiring is not None
        edge = inlet.segment.edges[0]
        return self._wiring.input_edges(edge.downstream).index(edge)

    @property
    def is_waiting(self) -> bool:
        """True while inputs are blocked, so that the end of another one matters."""
        return bool(self._alignment.blocked)

    def look_for_ends(self) -> None:
        """Look which inputs have ended since."""
        for number in [n for n in self._unended if self._inlets[n].has_ended]:
            self._unended.discard(number)
            self._act(self._alignment.end(number))

    def _act(self, decided: Sequence[Align]) -> None:
        for number, inlet in enumerate(self._inlets):
            inlet.is_blocked = number in self._alignment.blocked
        for one in decided:
            if isinstance(one, TakeSnapshot):
                self._take(one.epoch)
            else:
                self._hand_in(one.epoch, is_final=False)

    # --- snapshots ------------------------------------------------------------------------------

    def _take(self, epoch: int) -> None:
        self._logged = []
        self._open_epoch = epoch
        self._open_snapshots = [self._snapshot(operator, epoch) for operator in self._operators]
        assert self._wiring is not None
        for outlet in self._wiring.outlets:
            outlet.put_mark(Barrier(epoch))

    def _snapshot(self, operator: Operator, epoch: int) -> StepSnapshot:
        step, codec = operator.step, self._desk.codec
        self._begin(step.id)
        try:
            pending = self._pending_of(operator)
            entries = operator_entries(operator, codec)
            if self.is_final or step.id in self._finished:
                entries[FINISHED] = b""
            return StepSnapshot(
                step.state_id,
                self._index,
                step.parallelism,
                entries,
                keyed_changes(operator, codec),
                self._pre_commit(step.id, epoch),
                encode_pending(pending, codec),
            )
        except BaseException as error:
            raise step_error(step, error, doing="snapshot") from error

    def _pending_of(self, operator: Operator) -> list[Pending]:
        pending: list[Pending] = []
        if operator is not self._operators[0]:
            return pending
        assert self._wiring is not None
        if (calls := self._wiring.calls) is not None:
            pending.extend(calls.pending())
        # Restored, and not yet entered again.
        pending.extend(
            (self._edge_number(inlet), value, key, time_us)
            for inlet, value, key, time_us in self._replay
        )
        return pending

    def _pre_commit(self, step_id: str, epoch: int) -> bytes | None:
        transactions = self._transactions.get(step_id)
        if transactions is None:
            return None
        if step_id not in self._finished:
            handle = transactions.runnable.pre_commit(epoch)
            if handle is not None:
                transactions.open.append((epoch, handle))
        # Older ones too, until they are committed: only so can a restart do it.
        handles = [handle for _, handle in transactions.open]
        return self._desk.codec.encode(handles) if handles else None

    def _hand_in(self, epoch: int, *, is_final: bool) -> None:
        first, *others = self._open_snapshots
        if self._logged:
            first = replace(first, in_flight=[*first.in_flight, *self._logged])
        self._open_snapshots, self._logged = [], []
        self._desk.taken(self._task_id, epoch, [first, *others], is_final=is_final)

    # --- the end --------------------------------------------------------------------------------

    def finish(self) -> None:
        """Hand in the last snapshot: every step has finished, and every outlet is closed."""
        if not self._alignment.is_complete:
            # The loop is dry: nothing is left inside of it that would belong to the snapshot.
            self._hand_in(self._open_epoch, is_final=False)
        self.is_final = True
        epoch = max(self._open_epoch, self._beginning.epoch, self._seen) + 1
        self._open_snapshots = [self._snapshot(operator, epoch) for operator in self._operators]
        self._hand_in(epoch, is_final=True)

    @property
    def must_wait(self) -> bool:
        """True while the last transactions are not committed."""
        return any(transactions.open for transactions in self._transactions.values())

    def _commit(self, epoch: int, *, is_final: bool) -> None:
        for step_id, transactions in self._transactions.items():
            due = [
                (number, handle)
                for number, handle in transactions.open
                if is_final or number <= epoch
            ]
            self._begin(step_id)
            for number, handle in due:
                try:
                    transactions.runnable.commit(handle)
                except BaseException as error:
                    operator = next(o for o in self._operators if o.step.id == step_id)
                    raise step_error(operator.step, error, doing="commit") from error
                transactions.open.remove((number, handle))
