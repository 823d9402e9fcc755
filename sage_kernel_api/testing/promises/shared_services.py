"""Services that jobs share, and those that each job has for itself.

Layer: testing. Promises of `ServiceManager` and `JobManager.register_service_factory`.
"""

from __future__ import annotations

from sage_kernel_api.errors import ServiceStateError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect_equal,
    expect_error,
)
from sage_kernel_api.testing.promises.job_services import FORMS, Calls, Sum
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


@promise(Capability.SERVICES)
def every_job_has_an_instance_of_its_own(bench: Workbench) -> None:
    """A second job of one pipeline begins with a new service."""
    env = bench.environment()
    env.register_service("sum", Sum, 100)
    got: list[int] = []
    env.from_collection([1]).map(Calls, FORMS["by name"]).sink(got.append)

    bench.finish(env)
    bench.finish(env)

    expect_equal(got, [101, 101], "the sums of both jobs")


@promise(Capability.SERVICES)
def a_shared_service_serves_all_jobs(bench: Workbench) -> None:
    """A service of the kernel is one instance for every job."""
    bench.kernel.service_manager.register_service("sum", Sum)
    got: list[int] = []
    for _ in range(2):
        env = bench.environment()
        env.from_collection([1]).map(Calls, FORMS["by name"]).sink(got.append)
        bench.finish(env)

    expect_equal(got, [1, 2], "the sums of both jobs")


@promise(Capability.SERVICES)
def an_offered_factory_makes_one_for_each_job(bench: Workbench) -> None:
    """`register_service_factory` gives every later job an instance of its own."""
    bench.jobs.register_service_factory("sum", {"name": "sum", "factory": Sum, "args": (10,)})
    got: list[int] = []
    for _ in range(2):
        env = bench.environment()
        env.from_collection([1]).map(Calls, FORMS["by name"]).sink(got.append)
        bench.finish(env)

    expect_equal(got, [11, 11], "the sums of both jobs")


@promise(Capability.SERVICES)
def a_taken_factory_name_is_refused(bench: Workbench) -> None:
    """Offering a name again raises `ServiceStateError`; nothing changed."""
    bench.jobs.register_service_factory("sum", {"name": "sum", "factory": Sum, "args": (10,)})

    expect_error(
        ServiceStateError,
        bench.jobs.register_service_factory,
        "sum",
        {"name": "sum", "factory": dict},
    )

    env = bench.environment()
    got = bench.collect(env.from_collection([1]).map(Calls, FORMS["by name"]))
    expect_equal(got, [11], "the sum")
