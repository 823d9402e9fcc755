"""Random pipelines deliver what a sequential reference delivers."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from sage_kernel_default.lanes import ThreadDriver
from tests.default.random_graphs import (
    ASYNC_STEPS,
    STEPS,
    Step,
    place_at_random,
    random_graph,
)

_SIZES = {
    "frame_size": st.sampled_from([1, 3, 4096]),
    "channel_capacity": st.sampled_from([1, 8, 4096]),
}
_CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
_SETTINGS = settings(deadline=None, suppress_health_check=_CHECKS, derandomize=True)


@settings(_SETTINGS, max_examples=60)
@given(st.data())
def test_some_random_graphs_deliver_exactly_what_the_reference_does(data: st.DataObject) -> None:
    """The first look, at every change."""
    run(data, data.draw(st.builds(DefaultOptions, **_SIZES)), STEPS + ASYNC_STEPS)


@pytest.mark.slow
@settings(_SETTINGS, max_examples=300)
@given(st.data())
def test_random_graphs_deliver_exactly_what_the_reference_does(data: st.DataObject) -> None:
    """Nobody can think of all the shapes that users will build."""
    run(data, data.draw(st.builds(DefaultOptions, **_SIZES)), STEPS + ASYNC_STEPS)


@pytest.mark.slow
@settings(_SETTINGS, max_examples=16)
@given(st.data())
def test_random_graphs_over_process_lanes_deliver_the_same(data: st.DataObject) -> None:
    """Where a step runs must not change what it delivers, nor in which order."""
    options = st.builds(DefaultOptions, processes=st.integers(1, 2), **_SIZES)

    run(data, data.draw(options), STEPS + ASYNC_STEPS, is_spread=True)


@settings(_SETTINGS, max_examples=60)
@given(st.data())
def test_random_graphs_in_a_simulation_deliver_the_same(data: st.DataObject) -> None:
    """A legal order that threads come to once in a million runs is still a legal order."""
    options = st.builds(DefaultOptions, driver=st.just("sim"), seed=st.integers(0, 2**32), **_SIZES)

    run(data, data.draw(options), STEPS)


def run(
    data: st.DataObject,
    options: DefaultOptions,
    steps: tuple[Step, ...],
    *,
    is_spread: bool = False,
) -> None:
    """Run one random graph to its end and compare.

    It is looked for deadlocks all the time: none of these graphs may be taken for stuck.
    """
    kernel = DefaultKernelFacade(options)
    env = LocalEnvironment("random", kernel=kernel)
    graph = random_graph(data.draw, env, steps)
    placed = place_at_random(data.draw, env) if is_spread else 0
    patch = pytest.MonkeyPatch()
    patch.setattr(ThreadDriver, "look_every_s", 0.005)
    try:
        job_id = env.submit()
        assert env.wait(timeout_s=60), "the job hangs"
        assert env.status()["state"] is JobState.FINISHED
        assert graph.problems() == []
        lanes = {task["lane"] for task in kernel.task_manager.list_tasks(job_id)}
        assert any(lane.startswith("process") for lane in lanes) == bool(placed)
    finally:
        patch.undo()
        kernel.shutdown()
