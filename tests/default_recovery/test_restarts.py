"""Restart policies under a virtual clock: number and times of attempts are exact (R12)."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api import (
    ExponentialDelay,
    FailureRate,
    FixedDelay,
    LocalEnvironment,
    NoRestart,
    PipelineError,
)
from sage_kernel_api.core.restart_strategies import RestartStrategy
from sage_kernel_api.errors import ConfigurationError
from sage_kernel_default.jobs.restarts import restarts_of


def _starts(strategy: RestartStrategy | None, runs_s: list[float]) -> list[float]:
    """Return when attempts begin if the n-th of them fails after ``runs_s[n]`` seconds."""
    policy = restarts_of(None if strategy is None else strategy.config)
    now_s, starts = 0.0, []
    for run_s in runs_s:
        policy.started(now_s)
        starts.append(now_s)
        now_s += run_s
        delay_s = policy.failed(now_s)
        if delay_s is None:
            break
        now_s += delay_s
    return starts


@pytest.mark.parametrize("strategy", [None, NoRestart()])
def test_none_never_starts_again(strategy: RestartStrategy | None) -> None:
    """The default must not repeat side effects."""
    assert _starts(strategy, [1, 1]) == [0]


def test_a_fixed_delay_starts_as_often_as_said() -> None:
    """Three restarts are four attempts."""
    assert _starts(FixedDelay(3, 10), [1, 2, 3, 4, 5]) == [0, 11, 23, 36]
    assert _starts(FixedDelay(0, 10), [1, 1]) == [0]


def test_an_exponential_delay_grows_to_its_limit_and_recovers() -> None:
    """A service that is down for an hour must not be asked every second, nor once a day."""
    strategy = ExponentialDelay(initial_s=1, factor=3, max_s=10, reset_after_s=100)

    assert _starts(strategy, [0, 0, 0, 0, 0, 100, 0]) == [0, 1, 4, 13, 23, 33, 134]


def test_an_exponential_delay_may_have_a_last_attempt() -> None:
    """Its count begins again after an attempt that ran well."""
    strategy = ExponentialDelay(initial_s=1, factor=1, reset_after_s=50, attempts=2)

    assert _starts(strategy, [0] * 9) == [0, 1, 2]
    assert _starts(strategy, [0, 0, 50, 0, 0, 0]) == [0, 1, 2, 53, 54]


def test_a_failure_rate_counts_within_its_interval() -> None:
    """Rare failures may go on for ever, a series may not."""
    strategy = FailureRate(failures=2, interval_s=100, delay_s=10)

    assert _starts(strategy, [60] * 6) == [0, 70, 140, 210, 280, 350]
    assert _starts(strategy, [20] * 6) == [0, 30, 60]


@pytest.mark.parametrize(
    ("strategy", "problem"),
    [
        (FixedDelay(-1), "attempts is at least 0"),
        (FixedDelay(1, float("nan")), "delay_s is a number"),
        (ExponentialDelay(factor=0.5), "factor is at least 1"),
        (FailureRate(failures=1.5), "failures is a whole number"),  # type: ignore[arg-type]
    ],
)
def test_wrong_numbers_are_refused_at_the_door(strategy: RestartStrategy, problem: str) -> None:
    """A typing mistake must show when the job is submitted, not when it fails at night."""
    env = LocalEnvironment("job", kernel="default")
    env.enable_checkpointing(1.0, "/state").set_restart_strategy(strategy)
    env.from_collection([1]).sink(print)

    with pytest.raises(PipelineError, match=problem):
        env.build_pipeline_config()


def test_a_restart_without_checkpoints_is_refused() -> None:
    """It would begin from zero, and send all output a second time."""
    env = LocalEnvironment("job", kernel="default").set_restart_strategy(FixedDelay())
    env.from_collection([1]).sink(print)

    with pytest.raises(PipelineError, match=r"takes none; enable_checkpointing"):
        env.build_pipeline_config()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"interval_s": 0}, "interval_s is at least 0.001"),
        ({"interval_s": "1s"}, "interval_s is a number"),
        ({"retain": 0}, "retain is at least 1"),
        ({"timeout_s": -1}, "timeout_s is at least"),
        ({"min_pause_s": float("inf")}, "min_pause_s is a number"),
        ({"pickle_key": b"short"}, "pickle_key is at least 16 bytes"),
        ({"directory": "a\0b"}, "directory is an absolute path"),
    ],
)
def test_wrong_checkpoint_settings_are_refused_at_the_door(
    settings: dict[str, Any], problem: str
) -> None:
    """As above; and a secret is never shown."""
    env = LocalEnvironment("job", kernel="default")
    env.enable_checkpointing(**{"interval_s": 1.0, "directory": "/state", **settings})
    env.from_collection([1]).sink(print)

    with pytest.raises(PipelineError, match=problem) as raised:
        env.build_pipeline_config()

    assert "short" not in str(raised.value)


def test_what_is_no_strategy_or_directory_is_refused_at_once() -> None:
    """The error must point at the line of the mistake."""
    env = LocalEnvironment("job", kernel="default")

    with pytest.raises(ConfigurationError, match="one of NoRestart, FixedDelay"):
        env.set_restart_strategy("fixed")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="path of a directory"):
        env.enable_checkpointing(1.0, 5)  # type: ignore[arg-type]
