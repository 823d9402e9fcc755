"""What a job tells of its records: counters of steps, ledgers of edges.

Layer: testing. Promises of `StepStatus` and `EdgeStatus` (R5). A kernel that does not count leaves
them empty, which these tests accept; one that counts must count right.
"""

from __future__ import annotations

from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobStatus


@promise(Profile.JOBS)
def steps_count_what_goes_in_and_out(bench: Workbench) -> None:
    """`records_in` and `records_out` are the records of each step, over all its instances."""
    env = bench.environment()
    stream = env.from_collection(range(300), name="read").map(lambda x: x, name="same")
    few = stream.filter(lambda x: x % 3 == 0, name="few").flatmap(lambda x: [x, x], name="twice")
    few.sink(lambda record: None, name="take")

    status = bench.finish(env)

    _expect_steps(
        status, read=(0, 300), same=(300, 300), few=(300, 100), twice=(100, 200), take=(200, 0)
    )


@promise(Profile.JOBS)
def an_edge_counts_what_passes(bench: Workbench) -> None:
    """At the end of a job every edge has consumed what was produced, and nothing is in flight."""
    env = bench.environment()
    stream = env.from_collection(range(250), name="read")
    stream.map(lambda x: x, name="left").sink(lambda record: None, name="end-left")
    stream.sink(lambda record: None, name="right")

    status = bench.finish(env)

    edges = {(edge["upstream"], edge["downstream"]): edge for edge in status["edges"]}
    for between, edge in edges.items():
        seen = edge["produced"], edge["consumed"], edge["dropped"], edge["in_flight"]
        expect_equal(seen, (250, 250, 0, 0), f"the edge {between}")
    if edges:
        wanted = [("left", "end-left"), ("read", "left"), ("read", "right")]
        expect_equal(sorted(edges), wanted, "the edges")


@promise(Profile.JOBS)
def counts_of_one_job_are_its_own(bench: Workbench) -> None:
    """A second job of the same pipeline begins to count at 0."""
    env = bench.environment()
    env.from_collection(range(40), name="read").sink(lambda record: None, name="take")

    for _ in range(2):
        _expect_steps(bench.finish(env), read=(0, 40), take=(40, 0))


@promise(Profile.JOBS)
def a_failed_job_has_balanced_edges(bench: Workbench) -> None:
    """Also then: produced = consumed + dropped + dead-lettered + in flight."""
    env = bench.environment()
    env.from_collection(range(100)).map(lambda x: 1 / (50 - x)).sink(lambda record: None)

    status = bench.run(env)

    for edge in status["edges"]:
        sums = edge["consumed"] + edge["dropped"] + edge["dead_lettered"] + edge["in_flight"]
        expect_equal(edge["produced"], sums, f"{edge['upstream']} -> {edge['downstream']}")


@promise(Profile.JOBS)
def steps_without_records_count_zero(bench: Workbench) -> None:
    """A step that nothing reached has counters of 0."""
    env = bench.environment()
    env.from_collection([], name="read").sink(lambda record: None, name="take")

    _expect_steps(bench.finish(env), read=(0, 0), take=(0, 0))


@promise(Capability.PARALLELISM)
def counters_are_sums_over_the_instances(bench: Workbench) -> None:
    """The counters of a parallel step are those of all its instances together."""
    env = bench.environment()
    stream = env.from_collection(range(90), name="read").map(abs, parallelism=3, name="wide")
    stream.sink(lambda record: None, name="take", parallelism=1)

    _expect_steps(bench.finish(env), read=(0, 90), wide=(90, 90), take=(90, 0))


@promise(Capability.BROADCAST, Capability.PARALLELISM)
def a_broadcast_record_counts_for_each_receiver(bench: Workbench) -> None:
    """What three instances take, three records went in."""
    env = bench.environment()
    stream = env.from_collection(range(10), name="read").broadcast()
    stream.map(abs, parallelism=3, name="wide").sink(lambda record: None, parallelism=1)

    status = bench.finish(env)

    wide = status["steps"].get("wide")
    expect_equal(wide["records_in"] if wide else 30, 30, "records_in of the wide step")


@promise(Capability.FEEDBACK)
def a_loop_counts_every_round(bench: Workbench) -> None:
    """Records of a loop are counted at each round, and nothing stays in flight."""
    env = bench.environment()
    loop = env.from_future("again", int)
    lower = env.from_collection([5]).union(loop).map(lambda x: x - 1, name="lower")
    lower.filter(lambda x: x > 0, name="more").fill_future(loop)

    status = bench.finish(env)

    _expect_steps(status, lower=(5, 5), more=(5, 4), again=(4, 4))
    expect_equal(sum(edge["in_flight"] for edge in status["edges"]), 0, "records in flight")


def _expect_steps(status: JobStatus, **expected: tuple[int, int]) -> None:
    for name, counts in expected.items():
        if (step := status["steps"].get(name)) is not None:
            seen = step["records_in"], step["records_out"]
            expect_equal(seen, counts, f"records in and out of {name!r}")
