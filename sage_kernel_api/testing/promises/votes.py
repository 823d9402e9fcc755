"""Who votes, who decides, and what a failing vote or commit means.

Layer: testing. Promises of `TransactionalRunnable` and `TransactionalSinkFunction`.
"""

from __future__ import annotations

import threading

from sage_kernel_api.core.functions import MapFunction
from sage_kernel_api.errors import CheckpointError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    END,
    HELD,
    Tape,
    TapeSource,
    durable,
    finish,
    run_to,
)
from sage_kernel_api.testing.expectations import expect_equal, expect_error
from sage_kernel_api.testing.promises.transactions import Out, writing
from sage_kernel_api.testing.transaction_files import committed
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


@promise(Capability.EXACTLY_ONCE_SINKS)
def a_commit_that_fails_is_made_up_for(bench: Workbench) -> None:
    """The durable checkpoint has decided: the next attempt's `recover` gets the handle."""
    tape, out = Tape(), Out(bench)
    out.failing.append("commit")
    env = writing(durable(bench, restarts=1), tape, out)
    job_id = run_to(bench, env, tape, HELD)
    bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s)
    bench.until(lambda: out.names().count("recover") == 2, "the second attempt recovers")

    finish(bench, env, tape)

    committing = next(value for name, value in out.calls if name == "commit")
    recovered = [value for name, value in out.calls if name == "recover"]
    expect_equal(recovered, [[], [committing]], "what `recover` got")
    out.expect(bench, range(END))


@promise(Capability.EXACTLY_ONCE_SINKS)
def a_pre_commit_that_fails_commits_nothing(bench: Workbench) -> None:
    """It votes no: there is no such checkpoint, and its output is written again."""
    tape, out = Tape(), Out(bench)
    out.failing.append("pre_commit")
    env = writing(durable(bench, restarts=1), tape, out)
    job_id = run_to(bench, env, tape, HELD)

    expect_error(
        CheckpointError, bench.checkpoints.trigger_checkpoint, job_id, timeout_s=bench.wait_s
    )
    expect_equal(committed(out.folder), [], "the visible output")

    finish(bench, env, tape)
    expect_equal(tape.starts, [0, 0], "where the attempts began to read")
    out.expect(bench, range(END))


class _Blocks(MapFunction[int, int]):
    """Does not come to its snapshot before the test lets it."""

    def __init__(self, release: threading.Event) -> None:
        super().__init__()
        self.release = release

    def execute(self, data: int) -> int:
        self.release.wait()
        return data


@promise(Capability.EXACTLY_ONCE_SINKS)
def nothing_is_committed_before_all_steps_have_voted(bench: Workbench) -> None:
    """While a step has not come to its snapshot, output that others pre-committed is invisible."""
    tape, out, release = Tape(), Out(bench), threading.Event()
    other = Tape(1)
    env = writing(durable(bench), tape, out)
    blocked = env.from_source(TapeSource, other, uid="other").map(_Blocks, release, name="blocks")
    blocked.sink(lambda record: None, name="nowhere")
    other.let(1)
    job_id = run_to(bench, env, tape, HELD)
    try:
        with bench.beside(
            lambda: bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s)
        ):
            bench.until(lambda: "pre_commit" in out.names(), "the sink has pre-committed")
            expect_error(
                CheckpointError, bench.checkpoints.trigger_checkpoint, job_id, timeout_s=0.05
            )
            seen = committed(out.folder), "commit" in out.names()
            release.set()
    finally:
        release.set()
    expect_equal(seen, ([], False), "the visible output before the checkpoint, and commits")
    out.expect(bench, range(HELD))
    finish(bench, env, tape)
    out.expect(bench, range(END))
