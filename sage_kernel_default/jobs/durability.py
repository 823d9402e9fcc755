"""What a job with checkpoints has beside the others: its store, what it begins with, its status.

Layer: jobs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from sage_kernel_api.lifecycle import CheckpointConfig
from sage_kernel_api.storage import CheckpointStatus
from sage_kernel_api.storage.savepoints import WantedStep, open_savepoint, plan_restore
from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_api.values import CheckpointId, JobCheckpoints, JobId
from sage_kernel_default.checkpoint import CheckpointStore, EpochInfo, JsonObject, RestoredJob
from sage_kernel_default.checkpoint.savepoints import (
    drop_steps,
    has_transactions,
    old_steps_of,
    restore_from_savepoint,
    store_anew,
    write_savepoint,
)
from sage_kernel_default.checkpoint.schedule import CheckpointSchedule
from sage_kernel_default.engine.snapshots import Beginning
from sage_kernel_default.graph import PhysicalGraph
from sage_kernel_default.jobs.attempt import Attempt
from sage_kernel_default.jobs.checkpoints import (
    OPEN_TRANSACTIONS,
    CheckpointWorker,
    WorkerParts,
)
from sage_kernel_default.lanes import Driver

__all__ = ["Durability"]

_LOG: Final = logging.getLogger("sage_kernel.checkpoints")


class Durability:
    """Opens a job's store and gives each attempt its beginning and its checkpoints.

    Made, and so everything on disk verified, before the job is accepted. Thread use: the
    submitting thread, then the job's own thread; `trigger` and `status` from any.
    """

    def __init__(
        self,
        job_id: JobId,
        name: str,
        config: CheckpointConfig,
        store: CheckpointStore,
        graph: PhysicalGraph,
        driver: Driver,
        completed: Callable[[CheckpointStatus], None],
        begin_with: Path | None = None,
        allow_dropped: Collection[str] = (),
    ) -> None:
        """Open *store*.

        Args:
            job_id: The job.
            name: Its name: what the store knows it by.
            config: Its checkpoints.
            store: Not open yet.
            graph: What will run.
            driver: Of the kernel.
            completed: Told of every durable epoch.
            begin_with: A savepoint; looked at only if the store holds no epoch yet.
            allow_dropped: State ids of steps whose stored state may be lost.

        Raises:
            CheckpointError: It cannot be used, or holds state that belongs to no step. No state
                was changed, and the store is closed.
        """
        self._name = name
        self._job_id = job_id
        self._config = config
        self._store = store
        self._graph = graph
        self._driver = driver
        self._completed = completed
        self.pickle_key = config.get("pickle_key")
        self.codec = ValueCodec(pickle_key=self.pickle_key)
        self._worker: CheckpointWorker | None = None
        opened = store.open(name)
        try:
            for warning in opened.warnings:
                _LOG.warning("job %s: %s", job_id, warning)
            self.opening = opened.attempt
            self._latest = opened.latest
            self._adopt(begin_with, allow_dropped)
            self._restored: EpochInfo | None = self._latest
            self.had_ended = opened.latest is not None and opened.latest.is_final
            # One that died before it could commit its last transactions does that, and no more.
            self.has_finished = opened.latest is not None and _is_done(opened.latest)
            self._kept = [self._status_of(info) for info in store.epochs()]
            self._first: Beginning | None = Beginning() if self.has_finished else self._load()
        except BaseException:
            store.close()
            raise
        self._tell()

    def _tell(self) -> None:
        latest = self._latest
        if latest is None:
            return
        if self.has_finished:
            _LOG.info(
                "job %s has finished already (epoch %d); nothing is done. Use another directory "
                "or name to run it again.",
                self._job_id,
                latest.epoch,
            )
        else:
            _LOG.info("job %s goes on from epoch %d", self._job_id, latest.epoch)

    def _load(self) -> Beginning:
        if self._latest is None:
            return Beginning(is_again=self.opening > 1)
        job = self._store.load()
        self._restored = job.info
        return Beginning(job.info.epoch, job.steps, is_again=True)

    def _adopt(self, begin_with: Path | None, allow_dropped: Collection[str]) -> None:
        """Make what the job begins with the latest epoch of its own store.

        Whatever comes later (another attempt, another process) then goes on from there.
        """
        # Whether a step can take its state up is known when its instances are made, and told then.
        wanted = [
            WantedStep(step.state_id, step.parallelism, "all", is_keyed=True, is_transactional=True)
            for step in self._graph.plan.steps.values()
        ]
        if self._latest is None and begin_with is not None:
            savepoint = open_savepoint(begin_with)
            plan = plan_restore(old_steps_of(savepoint), wanted, allow_dropped=allow_dropped)
            job = restore_from_savepoint(savepoint)
            metadata = {**self._metadata(), OPEN_TRANSACTIONS: has_transactions(job)}
            self._latest = store_anew(self._store, job, plan.dropped_steps, metadata)
            _LOG.info("job %s begins with the savepoint %s", self._job_id, begin_with)
        elif self._latest is not None and not self._latest.is_final:
            job = self._store.load()
            # Named once, the option may stay in the program.
            allowed = set(allow_dropped) & set(job.steps)
            plan = plan_restore(old_steps_of(job), wanted, allow_dropped=allowed)
            if plan.dropped_steps:
                metadata = {**job.info.metadata, OPEN_TRANSACTIONS: has_transactions(job)}
                self._latest = drop_steps(self._store, job, plan.dropped_steps, metadata)

    # --- for the attempts ------------------------------------------------------------------------

    def begin(self, attempt: Attempt) -> tuple[Beginning, CheckpointWorker]:
        """Return what an attempt begins with, and who takes its checkpoints."""
        if self._first is not None and attempt.number == 1:
            # Not kept for longer: it may be large.
            beginning, self._first = self._first, None
        else:
            beginning = self._load_again()
        config = self._config
        interval_s = config["interval_s"]
        parts = WorkerParts(
            self._job_id,
            self._store,
            self.codec,
            CheckpointSchedule(
                interval_s, config.get("timeout_s", 60.0), config.get("min_pause_s", 0.0)
            ),
            self._driver,
            self._metadata(),
            self._note,
        )
        tasks = [task.id for task in self._graph.tasks]
        self._worker = CheckpointWorker(
            parts,
            attempt,
            tasks,
            list(beginning.steps),
            beginning.epoch,
            attempt.ring_all,
            attempt.wake,
        )
        return beginning, self._worker

    def _load_again(self) -> Beginning:
        if self._worker is not None and self._worker.has_store_failed:
            # Only reading again from the beginning tells what the disk holds now.
            self._store.close()
            self._latest = self._store.open(self._name).latest
        if self._latest is None:
            return Beginning(is_again=True)
        job = self._store.load()
        self._restored = job.info
        return Beginning(job.info.epoch, job.steps, is_again=True)

    def _metadata(self) -> JsonObject:
        return {
            "kernel": "default",
            "steps": {
                step.state_id: {
                    "id": step.id,
                    "kind": step.kind,
                    "parallelism": step.parallelism,
                    "function": step.function,
                }
                for step in self._graph.plan.steps.values()
            },
        }

    def _note(self, info: EpochInfo) -> None:
        self._latest = info
        status = self._status_of(info)
        self._kept = [*self._kept, status][-self._config.get("retain", 1) :]
        self._completed(status)

    def _status_of(self, info: EpochInfo) -> CheckpointStatus:
        return CheckpointStatus(
            checkpoint_id=self.checkpoint_id(info.epoch),
            job_id=self._job_id,
            epoch=info.epoch,
            size_bytes=info.size_bytes,
            completed_at_s=info.completed_at_s,
        )

    def checkpoint_id(self, epoch: int) -> CheckpointId:
        """Return the id of an epoch."""
        return CheckpointId(f"{self._job_id}@{epoch}")

    # --- for users -------------------------------------------------------------------------------

    def trigger(self, timeout_s: float | None) -> EpochInfo:
        """Take a checkpoint now, and wait for it.

        Raises:
            TimeoutError: It was not complete after *timeout_s*; it may still become so.
            CheckpointError: It cannot be complete.
        """
        assert self._worker is not None, "the job was started"
        return self._driver.result(self._worker.trigger(), timeout_s)

    def write_savepoint(self, path: Path, *, is_last: bool) -> int:
        """Take a checkpoint and write it to *path*; returns its epoch.

        Args:
            path: Does not exist yet.
            is_last: No other checkpoint is taken after it. If it fails, they go on.

        Raises:
            CheckpointError: It could not be taken or written; nothing is left at *path*.
        """
        worker = self._worker
        assert worker is not None, "the job was started"
        loaded: list[RestoredJob] = []

        def load(store: CheckpointStore) -> bool:
            loaded.append(store.load())
            return True

        try:
            self._driver.result(worker.trigger(is_last=is_last), None)
            self._driver.result(worker.visit_store(load), None)
            # On the caller's thread: meanwhile checkpoints go on.
            write_savepoint(loaded[0], path, job_name=self._name, codec=self.codec)
        except BaseException:
            if is_last:
                worker.thaw()
            raise
        return loaded[0].info.epoch

    def list(self) -> list[CheckpointStatus]:
        """Return the completed checkpoints, oldest first."""
        return self._kept[:]

    def delete(self, epoch: int) -> bool:
        """Remove a checkpoint; False if there was none.

        Raises:
            CheckpointError: It is the latest one, or the store cannot be used.
        """
        if epoch not in [status["epoch"] for status in self._kept]:
            return False
        assert self._worker is not None, "the job was started"
        errand = self._worker.visit_store(lambda store: store.delete(epoch))
        is_gone = self._driver.result(errand, None)
        self._kept = [status for status in self._kept if status["epoch"] != epoch]
        return is_gone

    @property
    def status(self) -> JobCheckpoints:
        """Return the part of the job's status that is about checkpoints."""
        latest, restored = self._latest, self._restored
        return JobCheckpoints(
            latest_epoch=None if latest is None else latest.epoch,
            restored_epoch=None if restored is None else restored.epoch,
            failed=0 if self._worker is None else self._worker.failed_epochs,
            had_finished=self.had_ended,
        )

    def close(self) -> None:
        """Give the store up."""
        self._store.close()


def _is_done(latest: EpochInfo) -> bool:
    return latest.is_final and not latest.metadata.get(OPEN_TRANSACTIONS, False)
