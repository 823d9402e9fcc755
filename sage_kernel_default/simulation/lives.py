"""One run: a job is started again and again, whatever happens to it, until it has finished.

Layer: simulation. Each process that dies is followed by another one on the same machine, with the
same program; a job that failed is submitted again in the process that it left.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final, cast

from sage_kernel_api.errors import (
    JobStateError,
    KernelError,
    StoreCorruptError,
    StoreFormatError,
    StoreLockedError,
)
from sage_kernel_api.lifecycle import CheckpointConfig, PipelineConfig
from sage_kernel_api.values import JobState
from sage_kernel_default.checkpoint import CheckpointStore
from sage_kernel_default.checkpoint.sqlite_store import SqliteCheckpointStore
from sage_kernel_default.jobs.job import Job
from sage_kernel_default.jobs.ledger import imbalance
from sage_kernel_default.lanes import Until
from sage_kernel_default.lanes.mishaps import WorldEnd
from sage_kernel_default.lanes.simulated import SimulatedDriver
from sage_kernel_default.simulation.faults import Scale, SeededFaults
from sage_kernel_default.simulation.history import History
from sage_kernel_default.simulation.machine import Machine
from sage_kernel_default.simulation.simulated_disk import SimulatedDisk
from sage_kernel_default.simulation.stage import SimulatedKernel, Stage
from sage_kernel_default.simulation.trouble import NoTroubles
from sage_kernel_default.simulation.watched_store import Progress, WatchedStore

__all__ = ["Lives"]

_CALM_AFTER: Final = 12
_MOST_LIVES: Final = 16
_LONGEST_S: Final = 1e7
"""Virtual seconds after which a run counts as one that never ends."""


class Lives:
    """Runs one seed.

    Attributes:
        history: What happened, and what must not have.
        faults: What went wrong on purpose.
    """

    def __init__(self, seed: int, stage: Stage, root: Path, scale: Scale | None) -> None:
        """Prepare; nothing runs yet.

        Args:
            seed: Decides everything.
            stage: What is run.
            root: An empty folder.
            scale: Of a run without faults; None to make this one without.
        """
        self.history = History()
        self.faults = faults = SeededFaults(seed, scale, self._note_fault, stage.kinds)
        self._stage = stage
        self._seeds = Random(f"lives/{seed}")
        self._machine = Machine(root, Random(f"machine/{seed}"))
        self._progress = Progress(self.history)
        self._directory = str(root / "state")
        self._is_over = False
        self._is_reference = scale is None
        self._operations = self._turns = 0
        self._now_s = 0.0
        self._interval_s = faults.interval_s()
        self._restarts = faults.choose(4)
        self._restart_s = faults.uniform(0.0, 3.0)
        self._frame_size = (1, 3, 8, 64)[faults.choose(4)]
        self._capacity = (1, 4, 16, 64)[faults.choose(4)]
        self._starts_again = faults.choose(5) == 0

    @property
    def scale(self) -> Scale:
        """Return how long the run was."""
        return Scale(self._turns, self._operations)

    def run(self) -> History:
        """Run to the end, through all faults."""
        while not self._is_over:
            self._run_process()
        return self.history

    # --- one process ---------------------------------------------------------------------------

    def _run_process(self) -> None:
        world = self._stage.make_world(self._seeds.getrandbits(32), self.faults, self._now_s)
        owner = f"process {self.history.lives + 1}"
        self.history.note("boot", owner)
        disk = SimulatedDisk(self._machine, world, self.faults, self._note_operation, owner)
        flow = world.make_flow("lives", lambda: self._live(world, disk), threading.Condition())
        flow.start()
        try:
            if not world.run_until(lambda: self._is_over, _LONGEST_S):
                self._give_up("the job did not end")
        except WorldEnd:
            self._bury()
        except JobStateError as error:
            self._give_up(str(error))
        self._turns += world.turns
        self._now_s = world.time.now_s() + 1.0
        self.history.note("world", world.trace_hash)

    def _bury(self) -> None:
        is_power_cut = self.faults.choose(2) == 0
        self.history.note("died", "power cut" if is_power_cut else "killed")
        self._machine.crash(is_power_cut=is_power_cut)
        self._progress.is_open = False
        self._look(is_complete=False)

    def _live(self, world: SimulatedDriver, disk: SimulatedDisk) -> Iterator[Until]:
        while not self._is_over:
            blows = self._begin_life()
            pipeline = self._pipeline(disk)
            kernel = self._make_kernel(world, disk)
            try:
                job = _submit(kernel, pipeline)
            except KernelError as error:
                if self._is_reference:
                    raise
                self._judge_failure(error, blows)
            else:
                yield from self._accompany(job, world, pipeline)
                self._judge(job, blows)
            kernel.shutdown()
            # Restarted at once, or by somebody who has to be called.
            yield Until(lambda: self._is_over, self.faults.choose(2) * self.faults.uniform(0, 5))

    def _begin_life(self) -> int:
        self.history.lives += 1
        self.history.note("life", self.history.lives)
        if self.history.lives > _MOST_LIVES:
            self._give_up("the job never finished, though nothing went wrong any more")
        if self.history.lives > _CALM_AFTER:
            self.faults.is_calm = True
        self.faults.begin_life()
        return self.faults.blows_left

    def _make_kernel(self, world: SimulatedDriver, disk: SimulatedDisk) -> SimulatedKernel:
        def make_store(config: CheckpointConfig) -> CheckpointStore:
            store = SqliteCheckpointStore(
                Path(config["directory"]),
                disk,
                now_s=world.time.now_s,
                retain=config.get("retain", 1),
            )
            return WatchedStore(self._stage.wrap_store(store), self._progress)

        return self._stage.make_kernel(world, make_store, self._frame_size, self._capacity)

    def _pipeline(self, disk: SimulatedDisk) -> PipelineConfig:
        config = cast("dict[str, Any]", dict(self._stage.make_pipeline(disk)))
        config["checkpointing"] = {
            **config.get("checkpointing", {}),
            "interval_s": self._interval_s,
            "directory": self._directory,
        }
        config["restart"] = {
            "kind": "fixed_delay",
            "attempts": self._restarts,
            "delay_s": self._restart_s,
        }
        return cast("PipelineConfig", config)

    def _accompany(
        self, job: Job, world: SimulatedDriver, pipeline: PipelineConfig
    ) -> Iterator[Until]:
        """Wait for the end of a job; now and then somebody else wants its directory."""
        if self.faults.choose(4) == 0:
            yield Until(lambda: job.state.is_terminal, self.faults.uniform(0.0, 0.2))
            if not job.state.is_terminal and self._progress.is_open:
                self._intrude(world, pipeline)
        yield Until(lambda: job.state.is_terminal)

    def _intrude(self, world: SimulatedDriver, pipeline: PipelineConfig) -> None:
        """Start a second kernel on the directory of the first, which must be refused (R7)."""
        disk = SimulatedDisk(self._machine, world, NoTroubles(), lambda *_: None, "intruder")
        kernel = self._make_kernel(world, disk)
        try:
            _submit(kernel, pipeline)
        except StoreLockedError:
            self.history.note("intruder refused")
        else:
            self._give_up("a second kernel was let into the directory of a running one")

    # --- judging -------------------------------------------------------------------------------

    def _judge(self, job: Job, blows: int) -> None:
        status = job.status()
        self.history.note("ended", status["state"], "attempt", job.attempt.number)
        failure = status.get("exception")
        if status["state"] is JobState.FINISHED:
            if uneven := imbalance(status["edges"]):
                self.history.blame(f"the ledger is not balanced: {uneven}")
            self._look(is_complete=True)
            # Once more, now and then: a job that has finished must not do anything again.
            self._is_over = self._is_over or not self._starts_again
            self._starts_again = False
            self.faults.is_calm = True
        elif failure is not None:
            self._judge_failure(failure, blows)
            self._look(is_complete=False)
        else:
            self._give_up(f"the job is {status['state']}")

    def _judge_failure(self, failure: BaseException, blows: int) -> None:
        """A failure must have a cause among the faults of this life, and not accuse the disk."""
        self.history.note("failed", type(failure).__name__)
        chain = [failure]
        while (cause := chain[-1].__cause__) is not None:
            chain.append(cause)
        if any(isinstance(error, (StoreCorruptError, StoreFormatError)) for error in chain):
            self._give_up(f"good state was refused: {failure}")
        elif self.faults.blows_left == blows:
            self._give_up(f"the job failed, and nothing had gone wrong: {failure!r}")

    def _look(self, *, is_complete: bool) -> None:
        for problem in self._stage.look(is_complete):
            self.history.blame(problem)
        # What is wrong stays wrong.
        self._is_over = self._is_over or bool(self.history.problems)

    def _give_up(self, problem: str) -> None:
        self.history.blame(problem)
        self._is_over = True

    # --- notes ---------------------------------------------------------------------------------

    def _note_fault(self, kind: str, what: str) -> None:
        self.history.note("fault", kind, what)

    def _note_operation(self, name: str, trouble: str) -> None:
        self._operations += 1
        self.history.note("disk", name, trouble)


def _submit(kernel: SimulatedKernel, pipeline: PipelineConfig) -> Job:
    return kernel.job_manager.job(kernel.job_manager.submit_job(pipeline))
