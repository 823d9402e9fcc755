"""Random pipelines deliver what a sequential reference delivers."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from tests.default.random_graphs import random_graph

_OPTIONS = st.builds(
    DefaultOptions,
    frame_size=st.sampled_from([1, 3, 4096]),
    channel_capacity=st.sampled_from([1, 8, 4096]),
)
_CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
_SETTINGS = settings(deadline=None, suppress_health_check=_CHECKS, derandomize=True)


@settings(_SETTINGS, max_examples=300)
@given(st.data())
def test_random_graphs_deliver_exactly_what_the_reference_does(data: st.DataObject) -> None:
    """Nobody can think of all the shapes that users will build."""
    kernel = DefaultKernelFacade(data.draw(_OPTIONS))
    env = LocalEnvironment("random", kernel=kernel)
    graph = random_graph(data.draw, env)
    try:
        env.submit()
        assert env.wait(timeout_s=20), "the job hangs"
        assert env.status()["state"] is JobState.FINISHED
        assert graph.problems() == []
    finally:
        kernel.shutdown()
