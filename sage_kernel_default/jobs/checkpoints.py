"""The checkpoints of one attempt of a job: a flow that asks for them and stores them.

Layer: jobs. The one user of the store while the attempt runs, so tasks never wait for the disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Final

from sage_kernel_api.errors import CheckpointError
from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_default.checkpoint import (
    CheckpointStore,
    EpochInfo,
    EpochRecord,
    JsonObject,
    StepSnapshot,
)
from sage_kernel_default.checkpoint.ledger import EpochLedger
from sage_kernel_default.checkpoint.schedule import CheckpointSchedule
from sage_kernel_default.engine import Supervisor
from sage_kernel_default.engine.ports import SnapshotDesk, Verdict
from sage_kernel_default.lanes import Driver, Until

__all__ = ["OPEN_TRANSACTIONS", "CheckpointWorker", "WorkerParts"]

OPEN_TRANSACTIONS: Final = "open_transactions"
"""Entry of an epoch's metadata: whether somebody still has to commit what it decided."""

_LOG: Final = logging.getLogger("sage_kernel.checkpoints")
_AT_ONCE: Final = Until(lambda: True)


@dataclass(frozen=True, slots=True, eq=False)
class WorkerParts:
    """What the worker is given.

    Attributes:
        job_id: For messages.
        store: Opened; used by this worker alone until it has ended.
        codec: Of the job.
        schedule: When checkpoints are due.
        driver: Of the kernel: gives the worker its turns and its time.
        metadata: Goes into every epoch.
        completed: Told of every durable epoch.
    """

    job_id: str
    store: CheckpointStore
    codec: ValueCodec
    schedule: CheckpointSchedule
    driver: Driver
    metadata: JsonObject
    completed: Callable[[EpochInfo], None]


class CheckpointWorker(SnapshotDesk):
    """Takes checkpoints in a flow of its own, one after the other, until the job has ended.

    A checkpoint that takes too long is given up on and the job goes on. One that cannot be
    stored fails the attempt: what the disk holds is then known only after reading it again.
    """

    def __init__(
        self,
        parts: WorkerParts,
        supervisor: Supervisor,
        tasks: Collection[str],
        stateful: Collection[str],
        epoch: int,
        announce: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        """Take what the worker needs; nothing runs yet.

        Args:
            parts: From the job.
            supervisor: The attempt.
            tasks: Ids of all its tasks.
            stateful: Steps with restored state.
            epoch: The last number in use; 0 for none.
            announce: Makes all tasks look at `requested` and `verdict`.
            ended: Called once, when the worker has ended.
        """
        self.codec = parts.codec
        self.requested = epoch
        self.verdict = Verdict(epoch, frozenset())
        self._parts = parts
        self._supervisor = supervisor
        self._announce = announce
        self._ledger = EpochLedger(tasks, stateful, epoch)
        self._changed = threading.Condition()
        self._waiting: list[Future[EpochInfo]] = []
        self._served: list[Future[EpochInfo]] = []
        self._errands: list[tuple[Future[bool], Callable[[CheckpointStore], bool]]] = []
        self._is_over = False
        self._is_frozen = False
        self._last: Future[EpochInfo] | None = None
        self._final: EpochRecord | None = None
        self._is_started = False
        self._news = 0
        self._clock = parts.driver.clock
        self._flow = parts.driver.make_flow(
            f"checkpoints-{parts.job_id}", self._live, self._changed, ended
        )
        self.failed_epochs = 0
        self.has_store_failed = False

    # --- from the attempt ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin: all tasks are open."""
        with self._changed:
            if self._is_over:
                return
            self._parts.schedule.start(self._clock.now_s())
            self._is_started = True
            self._flow.start()

    def trigger(self, *, is_last: bool = False) -> Future[EpochInfo]:
        """Ask for a checkpoint now; the future ends with it, or with a `CheckpointError`.

        Args:
            is_last: No other one begins after it, until `thaw`.
        """
        future: Future[EpochInfo] = Future()
        with self._changed:
            if self._is_over:
                future.set_exception(self._refusal("the job is ending"))
            elif self._is_frozen:
                future.set_exception(self._refusal("the job is being stopped with a savepoint"))
            else:
                self._waiting.append(future)
                self._last = future if is_last else self._last
                self._tell()
        return future

    def thaw(self) -> None:
        """Take checkpoints again after a last one."""
        with self._changed:
            self._is_frozen, self._last = False, None
            self._tell()

    def visit_store(self, errand: Callable[[CheckpointStore], bool]) -> Future[bool]:
        """Have *errand* done by the worker, who alone may use the store."""
        future: Future[bool] = Future()
        with self._changed:
            if self._is_over:
                future.set_exception(CheckpointError("The job is ending; nothing was changed."))
            else:
                self._errands.append((future, errand))
                self._tell()
        return future

    def wake(self) -> None:
        """Look again: the attempt was paused or resumed."""
        with self._changed:
            self._tell()

    def abort(self) -> None:
        """Store nothing more, once a commit that is under way has ended; does not wait."""
        with self._changed:
            self._is_over = True
            self._tell()

    @property
    def has_ended(self) -> bool:
        """True after the final checkpoint, after `abort`, and if it was never started."""
        return not self._is_started or self._flow.has_ended

    def join(self) -> None:
        """After `has_ended`: return when nothing of the worker is left."""
        if self._is_started and not self._flow.is_current:
            self._flow.wait(None)

    def _tell(self) -> None:
        self._news += 1
        self._changed.notify_all()

    def _until_news(self, timeout_s: float | None) -> Until:
        seen = self._news
        return Until(lambda: self._news != seen, timeout_s)

    def seal(self) -> None:
        """Store that the transactions of the final checkpoint are committed.

        After `join`, when all tasks have ended by themselves. Until then the same program, started
        again, commits them once more: it cannot know how far the last one came.
        """
        if (record := self._final) is None or not _has_transactions(record.snapshots):
            return
        snapshots = [replace(one, handle=None, keyed=()) for one in record.snapshots]
        metadata = {**record.metadata, OPEN_TRANSACTIONS: False}
        self._parts.store.commit(EpochRecord(record.epoch + 1, snapshots, metadata, is_final=True))

    # --- from the tasks --------------------------------------------------------------------------

    def taken(
        self, task: str, epoch: int, snapshots: Sequence[StepSnapshot], *, is_final: bool
    ) -> None:
        """Take a task's snapshot."""
        with self._changed:
            if self._is_over:
                return  # of an attempt that is given up: it must not become part of any epoch
            self._ledger.taken(task, epoch, snapshots, is_final=is_final)
            self._tell()

    # --- the worker's flow -----------------------------------------------------------------------

    def _live(self) -> Iterator[Until]:
        try:
            while (pause := self._step()) is not None:
                yield pause
        except GeneratorExit:
            raise  # of a simulation that nobody ran to its end
        except BaseException as error:  # noqa: BLE001 - the job must learn of it
            self._supervisor.task_failed(error)
        finally:
            with self._changed:
                self._is_over = True
                left, self._waiting, self._served = [*self._served, *self._waiting], [], []
                errands, self._errands = self._errands, []
            for future in left:
                future.set_exception(self._refusal("the job has ended before"))
            for answer, _ in errands:
                answer.set_exception(CheckpointError("The job has ended; nothing was changed."))

    def _step(self) -> Until | None:
        """Do what is due and return until when to wait; None when all is over."""
        with self._changed:
            if self._is_over:
                return None
            errands, self._errands = self._errands, []
        self._run_errands(errands)
        with self._changed:
            if self._errands or self._has_been_aborted():
                return _AT_ONCE  # looked at again, from the beginning
            now_s = self._clock.now_s()
            record = None
            if self._ledger.is_under_way and self._ledger.missing:
                if (pause := self._gather(now_s)) is not None:
                    return pause
            elif self._ledger.is_under_way:
                record = self._complete()
            elif self._is_due(now_s):
                self._begin(now_s)
            else:
                return self._until_news(self._idle_s(now_s))
        if record is None:
            self._announce()
            return _AT_ONCE
        self._store(record)
        if not record.is_final:
            return _AT_ONCE
        self._final = record
        return None

    def _has_been_aborted(self) -> bool:
        return self._is_over

    def _run_errands(
        self, errands: Sequence[tuple[Future[bool], Callable[[CheckpointStore], bool]]]
    ) -> None:
        for future, errand in errands:
            try:
                future.set_result(errand(self._parts.store))
            except Exception as error:  # noqa: BLE001 - it belongs to who asked
                future.set_exception(error)

    def _is_due(self, now_s: float) -> bool:
        if self._is_frozen:
            return False
        if self._ledger.has_ended:
            return True
        if self._supervisor.is_paused:
            return False
        due_s = self._parts.schedule.due_in_s(now_s)
        return bool(self._waiting) or (due_s is not None and due_s <= 0)

    def _idle_s(self, now_s: float) -> float | None:
        # A paused job is looked at again when it is resumed.
        is_idle = self._supervisor.is_paused or self._is_frozen
        return None if is_idle else self._parts.schedule.due_in_s(now_s)

    def _begin(self, now_s: float) -> None:
        self.requested = self._ledger.begin()
        self._parts.schedule.began(now_s)
        self._served, self._waiting = self._waiting, []

    def _complete(self) -> EpochRecord:
        record = self._ledger.record(self._parts.metadata)
        is_open = _has_transactions(record.snapshots)
        return replace(record, metadata={**record.metadata, OPEN_TRANSACTIONS: is_open})

    def _gather(self, now_s: float) -> Until | None:
        """Wait for the snapshots that are missing; give up in the end, which None says."""
        if self._supervisor.is_paused:
            return self._until_news(None)
        left_s = self._parts.schedule.left_s(now_s)
        if left_s is None or left_s > 0:
            return self._until_news(left_s)
        self._give_up(now_s, self._ledger.missing)
        return None

    def _give_up(self, now_s: float, missing: Sequence[str]) -> None:
        error = self._refusal(f"no snapshot came from {', '.join(missing)} in time")
        _LOG.warning("%s", error)
        self.failed_epochs += 1
        # Tasks that hold an input back for it must not do so any longer.
        self.verdict = self.verdict._replace(given_up=self._ledger.epoch)
        self._ledger.failed()
        self._parts.schedule.ended(now_s)
        served, self._served = self._served, []
        for future in served:
            future.set_exception(error)

    def _store(self, record: EpochRecord) -> None:
        self.has_store_failed = True
        info = self._parts.store.commit(record)
        self.has_store_failed = False
        with self._changed:
            verdict = Verdict(record.epoch, self._ledger.finished)
            self._ledger.stored()
            self._parts.schedule.ended(self._clock.now_s())
            served, self._served = self._served, []
            self._is_frozen = self._is_frozen or (self._last is not None and self._last in served)
            self.verdict = verdict
        # Observers first: who waited for the checkpoint may look at what they have done.
        self._parts.completed(info)
        self._announce()
        for future in served:
            future.set_result(info)

    def _refusal(self, why: str) -> CheckpointError:
        return CheckpointError(
            f"Checkpoint {self._ledger.epoch} of job {self._parts.job_id!r} is not complete: "
            f"{why}. The one before it stays."
        )


def _has_transactions(snapshots: Sequence[StepSnapshot]) -> bool:
    return any(one.handle is not None for one in snapshots)
