"""The same results whatever the order of arrival, the parallelism and the kernel."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_kernel_api import DataStream, LocalEnvironment
from tests.event_time.jobs import JOBS, LATE, Event, Job, key_of

BOUND_S = 12


@st.composite
def arrivals(draw: st.DrawFn) -> list[Event]:
    """Draw events in an order in which none is later than the bound allows."""
    drawn = st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.integers(0, BOUND_S))
    events = draw(st.lists(drawn, max_size=24))
    events.sort(key=lambda event: event[1] + event[2])
    return [(key, time, number) for number, (key, time, _) in enumerate(events)]


def run(job: Job, left: list[Event], right: list[Event], kernel: str, parallelism: int) -> Any:
    """Return the results as a sorted list, and the late records."""
    late: list[Any] = []
    with LocalEnvironment("job", kernel=kernel) as env:
        env.parallelism = parallelism

        def keyed(events: list[Event]) -> Any:
            timed = env.from_collection(events).assign_timestamps(lambda e: e[1], BOUND_S)
            return timed.keyby(key_of)

        stream: DataStream[Any] = job.build(keyed(left), keyed(right))
        stream.get_side_output(LATE).sink(late.append, parallelism=1)
        results = stream.collect()
    return sorted(results, key=repr), late


@pytest.mark.parametrize("kernel", ["mock", "default"])
@pytest.mark.parametrize("name", JOBS)
@given(left=arrivals(), right=arrivals(), parallelism=st.sampled_from([1, 2, 4]))
@settings(max_examples=8, deadline=None)
def test_results_do_not_depend_on_the_order_of_arrival(
    name: str, kernel: str, left: list[Event], right: list[Event], parallelism: int
) -> None:
    """Whoever runs a job again must get the same numbers, as long as nothing is late."""
    job = JOBS[name]

    results, late = run(job, left, right, kernel, parallelism)

    assert results == sorted(job.model(left, right), key=repr)
    assert not late
