"""Random completion orders, failures and capacities against what must always hold."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sage_kernel_api.errors import StepError

MakeStep = Callable[..., Any]


class Plan(NamedTuple):
    """What one record does: how long each call takes, how many calls fail."""

    number: int
    duration_s: float
    failures: int


plans = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3)), min_size=0, max_size=30).map(
    lambda items: [Plan(number, *item) for number, item in enumerate(items)]
)

# The fixture makes a fresh step each time; the loop and its clock may go on.
same_loop = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


class Backend:
    """Does what the plans say and counts."""

    def __init__(self) -> None:
        self.calls: Counter[int] = Counter()
        self.running = 0
        self.peak = 0
        self.cancelled: list[int] = []
        self.done: list[int] = []

    async def call(self, plan: Plan) -> int:
        self.calls[plan.number] += 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            await asyncio.sleep(plan.duration_s)
        except asyncio.CancelledError:
            self.cancelled.append(plan.number)
            raise
        finally:
            self.running -= 1
        if self.calls[plan.number] <= plan.failures:
            raise ConnectionError(plan.number)
        self.done.append(plan.number)
        return plan.number


@same_loop
@given(plans=plans, capacity=st.integers(1, 8), ordered=st.booleans(), retries=st.integers(0, 3))
def test_every_record_is_emitted_or_dead_lettered_exactly_once(
    step: MakeStep, plans: list[Plan], capacity: int, ordered: bool, retries: int
) -> None:
    """Whatever the order in which calls end: nothing lost, nothing twice, nothing too much."""
    backend = Backend()
    made = step(
        backend.call,
        capacity=capacity,
        ordered=ordered,
        retries=retries,
        on_error="dead_letter",
    )
    made.run(*plans)

    good = [plan.number for plan in plans if plan.failures <= retries]
    bad = [plan.number for plan in plans if plan.failures > retries]
    letters = [letter.value.number for _, letter in made.context.letters]
    assert backend.peak <= capacity
    assert backend.running == 0
    if ordered:
        assert made.sent == good
        assert letters == bad
    else:
        assert sorted(made.sent) == good
        assert sorted(letters) == bad
    assert all(backend.calls[plan.number] == min(plan.failures, retries) + 1 for plan in plans)


@same_loop
@given(
    plans=plans,
    capacity=st.integers(1, 8),
    ordered=st.booleans(),
    until_s=st.floats(0, 3),
)
def test_closing_at_any_moment_leaves_no_call_and_no_doubt(
    step: MakeStep, plans: list[Plan], capacity: int, ordered: bool, until_s: float
) -> None:
    """A cancelled job's records were drained, done but not drained, cancelled or never called."""
    backend = Backend()
    made = step(backend.call, capacity=capacity, ordered=ordered)
    operator = made.operator
    operator.open()
    operator.set_waker(lambda: None)
    waiting = list(plans)
    drained: list[int] = []
    end_s = made.host.now_s + until_s
    while made.host.now_s < end_s:
        while waiting and operator.room():
            operator.process(waiting.pop(0))
        made.host.pass_time(0.25)
        drained += [outcome.record.number for outcome in operator.drain()]
        assert operator.in_flight() <= 2 * capacity
    operator.close()

    called = set(backend.calls)
    ended = [number for number in called if number not in backend.cancelled]
    assert backend.running == 0
    assert backend.peak <= capacity
    assert len(set(drained)) == len(drained)
    assert set(drained) <= set(ended)
    assert not set(backend.cancelled) & set(drained)
    assert called.isdisjoint(plan.number for plan in waiting)
    if ordered:
        assert drained == sorted(drained) == list(range(len(drained)))


@same_loop
@given(plans=plans, capacity=st.integers(1, 8), ordered=st.booleans())
def test_the_first_failure_in_order_is_the_one_that_is_reported(
    step: MakeStep, plans: list[Plan], capacity: int, ordered: bool
) -> None:
    """An ordered step that fails has emitted exactly what came before the failed record."""
    backend = Backend()
    made = step(backend.call, capacity=capacity, ordered=ordered)
    failing = [plan.number for plan in plans if plan.failures]
    if not failing:
        assert len(made.run(*plans)) == len(plans)
    else:
        with pytest.raises(StepError) as caught:
            made.run(*plans)
        cause = caught.value.__cause__
        assert isinstance(cause, ConnectionError)
        failed = cause.args[0]
        assert failed in failing
        assert caught.value.record == repr(plans[failed])
        if ordered:
            assert failed == failing[0]
            assert made.sent == list(range(failed))
    assert backend.running == 0
    assert set(made.sent) <= set(backend.done)
