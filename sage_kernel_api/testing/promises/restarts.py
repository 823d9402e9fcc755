"""Whether a failed job runs again, how often, and what is refused; how checkpoints are kept.

Layer: testing. Promises of `RestartConfig`, `CheckpointConfig` and `CheckpointManager`.
"""

from __future__ import annotations

import threading
from typing import Any

from sage_kernel_api.core.functions import MapFunction, ValueState
from sage_kernel_api.core.restart_strategies import (
    ExponentialDelay,
    FailureRate,
    FixedDelay,
    NoRestart,
    RestartStrategy,
)
from sage_kernel_api.errors import CheckpointError, JobStateError, PipelineError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    HELD,
    Tape,
    TapeSource,
    counted,
    counting,
    durable,
    finish,
    modulo_7,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_error,
    expect_same,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState

STRATEGIES: dict[str, tuple[RestartStrategy | None, int]] = {
    "nothing said": (None, 1),
    "NoRestart": (NoRestart(), 1),
    "FixedDelay": (FixedDelay(2, 0.0), 3),
    "ExponentialDelay": (ExponentialDelay(initial_s=0.001, factor=2.0, attempts=3), 4),
    "FailureRate": (FailureRate(failures=2, interval_s=3_600.0, delay_s=0.0), 3),
}


@promise(Capability.CHECKPOINTS, variants=STRATEGIES)
def a_job_runs_as_often_as_its_strategy_says(bench: Workbench, case: Any) -> None:
    """Then it is FAILED by the last exception; no attempt more and none less is made."""
    strategy, attempts = case
    tape, found = Tape(), list[Any]()
    env = durable(bench)
    if strategy is not None:
        env.set_restart_strategy(strategy)
    counting(env, tape, found)
    job_id = run_to(bench, env, tape, HELD)
    take_checkpoint(bench, job_id)
    tape.traps += [HELD + number for number in range(10)]
    tape.let(tape.end)

    status = bench.wait(job_id)

    expect_equal(status["state"], JobState.FAILED, "the state")
    expect_equal(tape.starts, [0, *[HELD] * (attempts - 1)], "where the attempts began to read")
    expect_equal(status.get("attempt"), attempts, "the number of attempts in the status")
    cause = getattr(status.get("exception"), "__cause__", None)
    wanted = f"RuntimeError('trap at {HELD + attempts - 1}')"
    expect_equal(repr(cause), wanted, "the cause of the job's exception")


@promise(Capability.CHECKPOINTS)
def a_job_that_waits_for_its_restart_can_be_cancelled(bench: Workbench) -> None:
    """Its state is RESTARTING; `cancel_job` does not wait for the delay."""
    tape, found = Tape(), list[Any]()
    env = durable(bench).set_restart_strategy(FixedDelay(1, 3_600.0))
    tape.traps.append(HELD)
    tape.let(tape.end)
    job_id = counting(env, tape, found).submit()
    bench.until(
        lambda: bench.jobs.get_job_status(job_id)["state"] is JobState.RESTARTING,
        "the job waits for its restart",
    )

    expect_equal(bench.jobs.cancel_job(job_id), True, "cancel_job")

    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.CANCELLED, "the state")
    expect_equal(tape.starts, [0], "where the attempts began to read")


@promise(Capability.CHECKPOINTS)
def a_restart_without_checkpoints_is_refused(bench: Workbench) -> None:
    """It would begin from zero and send all output a second time: a `PipelineError`."""
    env = bench.environment().set_restart_strategy(FixedDelay(1, 0.0))
    env.from_collection([1]).sink(lambda record: None)

    expect_error(PipelineError, env.submit)

    expect_equal(bench.jobs.list_jobs(), [], "list_jobs() after the refusal")


WRONG: dict[str, dict[str, Any]] = {
    "an interval of nothing": {"interval_s": 0.0},
    "no number": {"interval_s": float("nan")},
    "a relative directory": {"directory": "relative"},
    "nothing kept": {"retain": 0},
    "a negative pause": {"min_pause_s": -1.0},
    "a short secret": {"pickle_key": b"short"},
}


@promise(Capability.CHECKPOINTS, variants=WRONG)
def wrong_settings_are_refused_at_the_door(bench: Workbench, wrong: dict[str, Any]) -> None:
    """They are a `PipelineError` of `submit_job`, not a failure at the first checkpoint."""
    env = bench.environment()
    env.from_collection([1]).sink(lambda record: None)
    config: Any = dict(env.build_pipeline_config())
    config["checkpointing"] = {"interval_s": 1.0, "directory": str(bench.folder), **wrong}

    expect_error(PipelineError, bench.jobs.submit_job, config)

    expect_equal(bench.jobs.list_jobs(), [], "list_jobs() after the refusal")


class _Life(MapFunction[int, int]):
    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self.calls = calls

    def open(self) -> None:
        self.calls.append("open")

    def execute(self, data: int) -> int:
        if data == HELD and self.calls.count("open") == 1:
            raise RuntimeError("the first attempt ends here")
        return data

    def close(self) -> None:
        self.calls.append("close")


@promise(Capability.CHECKPOINTS)
def a_failed_attempt_is_closed_before_the_next_one_opens(bench: Workbench) -> None:
    """Two attempts at a time would both write: each function is closed before its successor."""
    tape, calls = Tape(), list[str]()
    env = durable(bench, restarts=1)
    env.from_source(TapeSource, tape, uid="tape").map(_Life, calls).sink(lambda record: None)

    finish(bench, env, tape)

    expect_equal(calls, ["open", "close", "open", "close"], "the calls of both attempts")


# --- how checkpoints are taken and kept ------------------------------------------------------


@promise(Capability.CHECKPOINTS)
def the_checkpoint_manager_is_the_same_object_each_time(bench: Workbench) -> None:
    """The property returns the same object each time."""
    expect_same(bench.checkpoints, bench.checkpoints, "checkpoint_manager")


@promise(Capability.CHECKPOINTS)
def checkpoints_are_taken_by_the_clock(bench: Workbench) -> None:
    """With an interval, nobody has to ask: the job takes them while it runs, in growing epochs."""
    tape, found = Tape(), list[Any]()
    env = bench.environment()
    env.enable_checkpointing(0.01, bench.folder / "checkpoints", retain=3)
    job_id = run_to(bench, counting(env, tape, found), tape, HELD)
    bench.until(lambda: len(bench.checkpoints.list_checkpoints(job_id)) == 3, "3 checkpoints")

    epochs = [one["epoch"] for one in bench.checkpoints.list_checkpoints(job_id)]
    finish(bench, env, tape)

    expect(epochs == sorted(set(epochs)), f"the epochs do not grow: {epochs}")
    expect_equal(found, counted(range(tape.end)), "the records")


@promise(Capability.CHECKPOINTS, variants={"by default": None, "retain=3": 3})
def as_many_are_kept_as_was_said(bench: Workbench, retain: int | None) -> None:
    """`list_checkpoints` has the latest of them, oldest first; one if nothing was said."""
    tape, found = Tape(), list[Any]()
    env = durable(bench) if retain is None else durable(bench, retain=retain)
    job_id = run_to(bench, counting(env, tape, found), tape, HELD)
    taken = [bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s) for _ in range(5)]

    listed = bench.checkpoints.list_checkpoints(job_id)
    finish(bench, env, tape)

    expect_equal([one["checkpoint_id"] for one in listed], taken[-(retain or 1) :], "the kept")
    times = [one["completed_at_s"] for one in listed]
    expect(times == sorted(times), f"they were completed at {times}")


@promise(Capability.CHECKPOINTS)
def an_older_checkpoint_is_deleted_once(bench: Workbench) -> None:
    """`delete_checkpoint` returns True, then False; the others stay."""
    tape, found = Tape(), list[Any]()
    env = durable(bench, retain=3)
    job_id = run_to(bench, counting(env, tape, found), tape, HELD)
    first, second, third = (
        bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s) for _ in range(3)
    )

    deleted = [bench.checkpoints.delete_checkpoint(second) for _ in range(2)]
    left = [one["checkpoint_id"] for one in bench.checkpoints.list_checkpoints(job_id)]
    finish(bench, env, tape)

    expect_equal((deleted, left), ([True, False], [first, third]), "answers, and what is left")


@promise(Capability.CHECKPOINTS, Capability.PAUSE)
def a_paused_job_takes_no_checkpoint(bench: Workbench) -> None:
    """`trigger_checkpoint` raises `JobStateError` for it, and works again when it runs."""
    tape, found = Tape(), list[Any]()
    env = counting(durable(bench), tape, found)
    job_id = run_to(bench, env, tape, HELD)
    bench.pausable.pause_job(job_id)

    expect_error(JobStateError, bench.checkpoints.trigger_checkpoint, job_id)

    bench.pausable.resume_job(job_id)
    take_checkpoint(bench, job_id)
    finish(bench, env, tape)


class _Waits(MapFunction[int, int]):
    """Stands still in the middle of a record, until the test lets it go on."""

    def __init__(self, came: threading.Event, release: threading.Event) -> None:
        super().__init__()
        self.came = came
        self.release = release

    def execute(self, data: int) -> int:
        self.came.set()
        self.release.wait()
        return data


@promise(Capability.CHECKPOINTS)
def a_checkpoint_that_takes_too_long_harms_nobody(bench: Workbench) -> None:
    """After *timeout_s*, `CheckpointError`; the job goes on, and the next checkpoint works."""
    came, release = threading.Event(), threading.Event()
    tape, found = Tape(), list[Any]()
    env = durable(bench)
    numbers = env.from_source(TapeSource, tape, uid="tape").map(_Waits, came, release)
    numbers.sink(found.append)
    tape.let(HELD)
    job_id = env.submit()
    try:
        bench.await_event(came, "the first record")

        expect_error(CheckpointError, bench.checkpoints.trigger_checkpoint, job_id, timeout_s=0.05)
        expect_equal(bench.checkpoints.list_checkpoints(job_id), [], "the checkpoints")
    finally:
        release.set()
    take_checkpoint(bench, job_id)
    finish(bench, env, tape)
    expect_equal(found, [*range(tape.end)], "the records")


class _Holds(MapFunction[int, int]):
    lock: Any = ValueState[Any](None)

    def execute(self, data: int) -> int:
        self.lock.set(threading.Lock())
        return data


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def state_that_cannot_be_stored_fails_the_job(bench: Workbench) -> None:
    """A value that the format does not know is never left out silently: the job is FAILED."""
    tape = Tape()
    env = durable(bench)
    keyed = env.from_source(TapeSource, tape, uid="tape").keyby(modulo_7)
    keyed.map(_Holds, uid="holds").sink(lambda record: None)
    job_id = run_to(bench, env, tape, HELD)

    expect_error(
        CheckpointError, bench.checkpoints.trigger_checkpoint, job_id, timeout_s=bench.wait_s
    )

    status = bench.wait(job_id)
    expect_equal(status["state"], JobState.FAILED, "the state")
    expect_equal(bench.checkpoints.list_checkpoints(job_id), [], "the checkpoints")
