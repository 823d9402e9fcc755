"""The face that every kernel shows: facts, managers, and what shutdown leaves.

Layer: testing. Promises of `KernelFacade`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from sage_kernel_api.errors import KernelClosedError
from sage_kernel_api.plugins import check_kernel
from sage_kernel_api.plugins.check import parts_of
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_error,
    expect_same,
    expect_type,
)
from sage_kernel_api.testing.moving_time import HAND
from sage_kernel_api.testing.plain_pipelines import PlainSource, pipeline, step
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.return_types import return_type_problems
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import API_VERSION, Capability, JobState

_MANAGERS = ("job_manager", "service_manager", "logger_factory")

STARTERS: dict[str, Callable[[Workbench], object]] = {
    "submit_job": lambda bench: bench.jobs.submit_job(pipeline(step("a", PlainSource))),
    "create_execution_context": lambda bench: bench.kernel.create_execution_context({}),
    "create_runtime_context": lambda bench: bench.kernel.create_runtime_context({}),
}


@promise(Profile.CORE)
def every_member_has_the_signature_of_the_contract(bench: Workbench) -> None:
    """Members and managers have the names, parameters and kinds that the Protocols ask for."""
    check_kernel(bench.kernel)


@promise(Profile.CORE)
def what_members_say_to_return_fits(bench: Workbench) -> None:
    """The annotated results of members are those of the Protocols, or narrower."""
    problems = [
        problem
        for part, protocol in parts_of(bench.kernel)
        for problem in return_type_problems(part, protocol)
    ]

    expect(not problems, "\n".join(problems))


@promise(Profile.CORE)
def the_name_is_text(bench: Workbench) -> None:
    """`name` is the text that selects the kernel; not empty, and the same at each look."""
    name = expect_type(bench.kernel.name, str, "name")

    expect(name != "", "name is empty")
    expect_equal(bench.kernel.name, name, "name at a second look")


@promise(Profile.CORE)
def the_version_of_the_contract_fits(bench: Workbench) -> None:
    """`api_version` is MAJOR.MINOR, of the same major as this contract and not newer."""
    version = expect_type(bench.kernel.api_version, str, "api_version")

    major, minor = (int(part) for part in version.split("."))
    ours = [int(part) for part in API_VERSION.split(".")]
    expect_equal(major, ours[0], "the major number of api_version")
    expect(minor <= ours[1], f"api_version {version} is newer than {API_VERSION}")


@promise(Profile.CORE)
def the_capabilities_stay_what_they_are(bench: Workbench) -> None:
    """`capabilities` is a frozenset of `Capability`, the same for the whole life."""
    before = expect_type(bench.kernel.capabilities, frozenset, "capabilities")

    bench.run(_one_record(bench))
    bench.kernel.shutdown()

    expect(all(isinstance(one, Capability) for one in before), f"capabilities hold {before!r}")
    expect_equal(sorted(bench.kernel.capabilities), sorted(before), "capabilities after shutdown")


@promise(Profile.CORE, variants=_MANAGERS)
def a_manager_is_the_same_object_each_time(bench: Workbench, manager: str) -> None:
    """The properties for managers return the same object each time."""
    first = getattr(bench.kernel, manager)

    bench.run(_one_record(bench))

    expect_same(getattr(bench.kernel, manager), first, manager)


@promise(Profile.CORE)
def shutting_down_again_does_nothing(bench: Workbench) -> None:
    """`shutdown` is idempotent."""
    bench.run(_one_record(bench))

    bench.kernel.shutdown()
    bench.kernel.shutdown()


@promise(Profile.CORE)
def an_unused_kernel_shuts_down(bench: Workbench) -> None:
    """`shutdown` works for a kernel that never ran anything."""
    bench.kernel.shutdown()


@promise(Profile.CORE, variants=STARTERS)
def after_shutdown_nothing_starts(bench: Workbench, starts: Callable[[Workbench], object]) -> None:
    """After `shutdown`, all that would start something raises `KernelClosedError`."""
    bench.kernel.shutdown()

    expect_error(KernelClosedError, starts, bench)


@promise(Profile.CORE)
def the_status_of_ended_jobs_outlives_shutdown(bench: Workbench) -> None:
    """After `shutdown`, the status of ended jobs stays readable."""
    job_id = bench.run(_one_record(bench))["job_id"]

    bench.kernel.shutdown()

    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.FINISHED, "state")
    expect_equal([job["job_id"] for job in bench.jobs.list_jobs()], [job_id], "list_jobs()")


@promise(Profile.CORE)
def shutdown_from_another_thread_works(bench: Workbench) -> None:
    """A kernel is used by any thread, also to end it."""
    bench.run(_one_record(bench))

    with bench.beside(bench.kernel.shutdown):
        pass

    expect_error(KernelClosedError, STARTERS["submit_job"], bench)


@promise(Profile.CORE)
def nothing_is_left_after_shutdown(bench: Workbench) -> None:
    """After `shutdown` no thread of the kernel is left, even while it is still referred to."""
    before = _threads()

    bench.run(_one_record(bench))
    bench.kernel.shutdown()

    bench.until(lambda: _threads() <= before, "the kernel's threads have ended")


def _threads() -> set[threading.Thread]:
    # What moves the time of a kernel while a test waits is of the kit.
    return {thread for thread in threading.enumerate() if thread.name != HAND}


def _one_record(bench: Workbench) -> Env:
    env = bench.environment()
    env.from_collection([1]).sink(lambda record: None)
    return env
