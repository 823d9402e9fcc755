"""The rate limit and the other options by themselves: numbers in, numbers out."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.core.operators.async_map import AsyncMapOperator, AsyncMapOptions, RateLimit
from sage_kernel_api.core.operators.factory import OperatorFactory
from sage_kernel_api.core.policies import Policies
from sage_kernel_api.errors import ConfigurationError


@given(
    rate=st.integers(1, 1000),
    burst=st.integers(1, 20),
    pauses=st.lists(st.floats(0, 0.1), min_size=1, max_size=100),
)
def test_no_window_of_time_sees_more_calls_than_allowed(
    rate: int, burst: int, pauses: list[float]
) -> None:
    """A provider that counts per second refuses, or bans, who goes over it."""
    limit = RateLimit(rate, burst=burst)
    now_s = 0.0
    starts: list[float] = []
    for pause in pauses:
        now_s += pause
        starts.append(now_s + limit.reserve(now_s))

    assert starts == sorted(starts)
    for first, begin in enumerate(starts):
        for count, end in enumerate(starts[first:]):
            assert count <= (end - begin) * rate + burst + 1e-6


def test_a_pause_allows_a_burst_and_no_more() -> None:
    """Unused places are not saved up for ever."""
    limit = RateLimit(10, burst=3)
    assert [limit.reserve(100.0) for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])
    assert [limit.reserve(200.0) for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


def test_a_copy_in_another_process_forgets_the_past() -> None:
    """Clocks of two processes have nothing in common."""
    limit = RateLimit(1)
    limit.reserve(1000.0)
    copy = pickle.loads(pickle.dumps(limit))
    assert repr(copy) == repr(limit)
    assert copy.reserve(5.0) == 0.0


def test_processes_share_a_limit_by_their_instances() -> None:
    """Three of four instances here: three quarters of the calls; the rest are another's."""
    limit = RateLimit(12, burst=8)
    for _ in range(3):
        limit.admit("ask", 4)

    assert [limit.reserve(0.0) for _ in range(8)] == pytest.approx([0] * 6 + [1 / 9, 2 / 9])

    limit.dismiss("ask")
    limit.dismiss("ask")
    assert [limit.reserve(100.0) for _ in range(4)] == pytest.approx([0, 0, 1 / 3, 2 / 3])


def test_a_limit_of_several_steps_is_whole_where_all_their_instances_are() -> None:
    """A step that has ended takes no part with it."""
    limit = RateLimit(10)
    for step in ("ask", "ask", "ask again"):
        limit.admit(step, 2 if step == "ask" else 1)
    assert [limit.reserve(0.0) for _ in range(3)] == pytest.approx([0, 0.1, 0.2])

    limit.dismiss("ask again")
    assert [limit.reserve(9.0) for _ in range(3)] == pytest.approx([0, 0.1, 0.2])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5).filter(any))
def test_the_parts_of_all_processes_are_the_whole(instances: list[int]) -> None:
    """However the instances are spread."""
    whole = sum(instances)
    calls = 0.0
    for here in filter(None, instances):
        limit = RateLimit(1000)
        for _ in range(here):
            limit.admit("ask", whole)
        assert limit.reserve(0.0) == 0.0
        calls += 1 / limit.reserve(0.0)

    assert calls == pytest.approx(1000)


@pytest.mark.parametrize(
    ("text", "calls", "per_s"), [("100/s", 100, 1), (" 60 / min ", 60, 60), ("0.5/h", 0.5, 3600)]
)
def test_rates_can_be_written_as_text(text: str, calls: float, per_s: float) -> None:
    """Configuration files hold text."""
    limit = RateLimit.parse(text)
    assert (limit.calls, limit.per_s) == (calls, per_s)


@pytest.mark.parametrize("rate", ["", "fast", "100", "100/day", "-1/s", "0/s", 0, -1, True, None])
def test_what_is_no_rate_is_refused_with_the_accepted_forms(rate: object) -> None:
    """A rate that is silently ignored is found on the bill."""
    with pytest.raises(ConfigurationError):
        RateLimit.parse(rate)  # type: ignore[arg-type]  # what untyped programs pass


def test_all_wrong_options_are_reported_at_once() -> None:
    """Nobody likes to find five mistakes in five runs."""
    with pytest.raises(ConfigurationError) as caught:
        AsyncMapOptions(capacity=0, timeout_s=0.0, retries=-1, retry_delay_s=float("nan"))
    assert [problem.partition("=")[0] for problem in caught.value.problems] == [
        "capacity",
        "timeout_s",
        "retries",
        "retry_delay_s",
    ]


def test_an_asynchronous_step_can_be_sent_to_another_process() -> None:
    """Steps on process lanes are made there, from what travelled."""
    options = AsyncMapOptions(capacity=3, rate_limit=RateLimit(5))
    settings = (("options", options), ("policies", Policies(on_error="skip")))
    factory = OperatorFactory(AsyncMapOperator, _later, settings=settings)

    made = pickle.loads(pickle.dumps(factory))(cast("Any", SimpleNamespace(logger=None)))

    assert made.kind == "async_map"
    assert repr(made.options) == repr(options)
    assert made.policies == Policies(on_error="skip")


async def _later(x: int) -> int:
    return x
