"""What a kernel tells of a job before it runs.

Layer: testing. Promises of `SupportsExplain`.
"""

from __future__ import annotations

from typing import cast

from sage_kernel_api.errors import PipelineError
from sage_kernel_api.kernel_facade import SupportsExplain
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, PhysicalDescription


@promise(Capability.EXPLAIN)
def the_explaining_face_has_its_signature(bench: Workbench) -> None:
    """`explain_job` is there with the parameters of `SupportsExplain`."""
    expect_equal(list(compare_members(bench.kernel, SupportsExplain)), [], "the face")


@promise(Capability.EXPLAIN)
def every_step_is_in_exactly_one_chain(bench: Workbench) -> None:
    """The chains together hold each step once, and each edge is described once."""
    described = _explain(bench, [])

    steps = sorted(step for chain in described.chains for step in chain.steps)
    expect_equal(steps, ["read", "same", "take"], "the steps of all chains")
    edges = [(edge.upstream, edge.downstream) for edge in described.edges]
    expect_equal(sorted(edges), [("read", "same"), ("same", "take")], "the edges")
    expect(all(chain.lanes for chain in described.chains), "a chain has no lane")


@promise(Capability.EXPLAIN)
def a_broken_chain_has_its_reason(bench: Workbench) -> None:
    """An edge inside of a chain has no channel; any other one says why it is none."""
    described = _explain(bench, [])

    chain_of = {step: chain.name for chain in described.chains for step in chain.steps}
    for edge in described.edges:
        is_inside = chain_of[edge.upstream] == chain_of[edge.downstream]
        expect_equal(edge.break_reason is None, is_inside, f"no reason at {edge}")
        expect_equal(edge.channels == 0, is_inside, f"no channel at {edge}")


@promise(Capability.EXPLAIN)
def explaining_runs_nothing(bench: Workbench) -> None:
    """No user code runs and no job begins."""
    ran: list[object] = []
    _explain(bench, ran)

    expect_equal(ran, [], "records of a job that was only explained")
    expect_equal(bench.jobs.list_jobs(), [], "the jobs")


@promise(Capability.EXPLAIN)
def what_cannot_run_cannot_be_explained(bench: Workbench) -> None:
    """A pipeline that is not valid raises `PipelineError`."""
    kernel = cast("SupportsExplain", bench.kernel)

    expect_error(PipelineError, kernel.explain_job, {"name": "nothing else"})


def _explain(bench: Workbench, ran: list[object]) -> PhysicalDescription:
    env = bench.environment()
    stream = env.from_collection(range(3), name="read").map(abs, name="same")
    stream.sink(ran.append, name="take")
    return cast("SupportsExplain", bench.kernel).explain_job(env.build_pipeline_config())
