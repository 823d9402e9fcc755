"""The calls that a sink with transactions gets, and their order.

Layer: testing. Promises of `TransactionalRunnable` and `TransactionalSinkFunction`.
"""

from __future__ import annotations

from pathlib import Path

from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    END,
    HELD,
    Tape,
    durable,
    finish,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.promises.transactions import Out, writing
from sage_kernel_api.testing.transaction_files import committed
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


@promise(Capability.EXACTLY_ONCE_SINKS)
def calls_come_in_their_order(bench: Workbench) -> None:
    """`recover`, `open`, then transactions one after the other, and `close` in the end."""
    tape, out = Tape(), Out(bench)
    env = writing(durable(bench), tape, out)
    job_id = run_to(bench, env, tape, HELD)
    take_checkpoint(bench, job_id)
    out.expect(bench, range(HELD))
    finish(bench, env, tape)

    names = out.names()
    expect_equal(names[:4], ["recover", "open", "begin", "pre_commit"], "the first calls")
    expect_equal((names[-1], names.count("close")), ("close", 1), "the last call")
    expect_equal(out.calls[0], ("recover", []), "what `recover` got at a new beginning")
    open_ones = 0
    for name in names:
        open_ones += {"begin": 1, "pre_commit": -1, "abort": -1}.get(name, 0)
        expect(open_ones in (0, 1), f"transactions overlap in {names}")


@promise(Capability.EXACTLY_ONCE_SINKS)
def epochs_grow_over_attempts(bench: Workbench) -> None:
    """`pre_commit` gets the number of its checkpoint, from 1, and never one that was used."""
    tape, out = Tape(), Out(bench)
    env = writing(durable(bench, restarts=1), tape, out)
    job_id = run_to(bench, env, tape, HELD)
    taken = [take_checkpoint(bench, job_id) for _ in range(2)]
    tape.traps.append(70)
    finish(bench, env, tape)

    epochs = [value for name, value in out.calls if name == "pre_commit"]
    expect_equal(epochs[:2], taken, "the epochs of the checkpoints that were taken")
    expect(epochs == sorted(set(epochs)), f"the epochs do not grow: {epochs}")


@promise(Capability.EXACTLY_ONCE_SINKS)
def an_empty_transaction_is_not_committed(bench: Workbench) -> None:
    """A `pre_commit` that returns None has nothing to commit."""
    tape, out = Tape(), Out(bench)
    env = writing(durable(bench), tape, out)
    job_id = run_to(bench, env, tape, 0)
    take_checkpoint(bench, job_id)
    take_checkpoint(bench, job_id)
    finish(bench, env, tape)

    commits = [value for name, value in out.calls if name == "commit"]
    expect(None not in commits, f"the commits were {commits}")
    out.expect(bench, range(END))


@promise(Capability.EXACTLY_ONCE_SINKS, variants={"ends": False, "fails": True})
def without_checkpoints_there_is_one_transaction(bench: Workbench, fails: bool) -> None:
    """It is committed when the input ends, and aborted by a failure."""
    tape, out = Tape(), Out(bench)
    tape.let(tape.end)
    tape.traps += [70] * fails

    bench.run(writing(bench.environment("plain"), tape, out))

    ends = ["abort"] if fails else ["pre_commit", "commit"]
    expect_equal(out.names(), ["recover", "open", "begin", *ends, "close"], "the calls")
    expect_equal(len(committed(Path(out.folder))), 0 if fails else END, "visible records")
