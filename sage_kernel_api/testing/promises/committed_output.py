"""Output that waits for its checkpoint, with a sink that keeps all it is told.

Layer: testing. Promises of `Capability.EXACTLY_ONCE_SINKS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sage_kernel_api.core.functions import (
    TransactionalSinkFunction,
)
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.promises.checkpoints import Job
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


class _Store(TransactionalSinkFunction[Any]):
    """Writes a file for each transaction; what is committed has the suffix ``done``."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.records: list[str] = []

    def begin(self) -> None:
        self.records = []

    def execute(self, data: Any) -> None:
        self.records.append(str(data[0]))

    def pre_commit(self, epoch: int) -> str:
        name = f"{epoch}"
        (self.folder / f"{name}.held").write_text("\n".join(self.records), encoding="utf-8")
        return name

    def commit(self, handle: str) -> None:
        held = self.folder / f"{handle}.held"
        if held.exists():
            held.rename(self.folder / f"{handle}.done")

    def abort(self) -> None:
        self.records = []

    def recover(self, handles: Sequence[str]) -> None:
        for handle in handles:
            self.commit(handle)
        for held in self.folder.glob("*.held"):
            held.unlink()


def _committed(folder: Path) -> list[int]:
    """Return what another program would read."""
    return sorted(
        int(line)
        for file in folder.glob("*.done")
        for line in file.read_text(encoding="utf-8").split()
    )


def _storing(bench: Workbench, folder: Path) -> Job:
    job = Job(bench)
    counts = next(one for one in job.env.pipeline if one.basename == "counts")
    from sage_kernel_api.core.streams import DataStream
    from sage_kernel_api.core.transformation import Outlet

    stream: DataStream[Any] = DataStream(job.env, (Outlet(counts),))
    stream.sink(_Store, str(folder), uid="store")
    return job


@promise(Capability.EXACTLY_ONCE_SINKS)
def output_becomes_visible_with_its_checkpoint(bench: Workbench) -> None:
    """Before the checkpoint nothing is committed, after it all records before it."""
    folder = bench.folder / "out"
    folder.mkdir()
    job = _storing(bench, folder)
    job_id = job.submit_and_hold(bench)

    before = _committed(folder)
    bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s)
    bench.until(lambda: _committed(folder) == list(range(50)), "the output is committed")
    job.gate.set()
    bench.wait(job_id)

    expect_equal(before, [], "what was committed before the checkpoint")
    expect_equal(_committed(folder), list(range(100)), "what is committed in the end")


@promise(Capability.EXACTLY_ONCE_SINKS)
def output_is_there_once_after_going_on(bench: Workbench) -> None:
    """Records after the last checkpoint are written again, and committed once."""
    folder = bench.folder / "out"
    folder.mkdir()
    job = _storing(bench, folder)
    job_id = job.submit_and_hold(bench)
    bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s)
    bench.jobs.cancel_job(job_id)

    again = _storing(bench, folder)
    again.gate.set()
    bench.finish(again.env)

    expect_equal(_committed(folder), list(range(100)), "what is committed")


@promise(Capability.EXACTLY_ONCE_SINKS)
def output_of_a_cancelled_job_is_not_committed(bench: Workbench) -> None:
    """What no checkpoint holds does not become visible by cancelling."""
    folder = bench.folder / "out"
    folder.mkdir()
    job = _storing(bench, folder)
    job_id = job.submit_and_hold(bench)
    bench.jobs.cancel_job(job_id)

    expect_equal(_committed(folder), [], "what is committed")
