"""Whether a failed job runs again, how often, and what is refused.

Layer: testing. Promises of `RestartConfig` and `CheckpointConfig`.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.core.functions import MapFunction
from sage_kernel_api.core.restart_strategies import (
    ExponentialDelay,
    FailureRate,
    FixedDelay,
    NoRestart,
    RestartStrategy,
)
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    HELD,
    Tape,
    TapeSource,
    counting,
    durable,
    finish,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import (
    expect_equal,
    expect_error,
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
