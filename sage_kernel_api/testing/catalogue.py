"""All tests of the kit, in the order in which they are run.

Layer: testing. A new module of promises is added to `_MODULES`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Final

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.testing.backdoors import BackDoors
from sage_kernel_api.testing.contract_test import ContractTest, tests_of
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.values import Capability

__all__ = ["every_contract_test", "find_contract_test", "contract_tests_for", "untested"]

_MODULES: Final = (
    "face",
    "host",
    "contexts",
    "loggers",
    "door",
    "needs",
    "life",
    "running_contexts",
    "life_failures",
    "records",
    "sources",
    "branches",
    "keys",
    "side_outputs",
    "feedback",
    "parallelism",
    "keyed_routing",
    "spreading",
    "jobs",
    "counters",
    "background",
    "cancelling",
    "backpressure",
    "unbounded",
    "pause",
    "tasks",
    "explain",
    "failures",
    "failures_outside",
    "failing_records",
    "policies",
    "retries",
    "services",
    "service_kinds",
    "service_calls",
    "service_order",
    "job_services",
    "shared_services",
    "state",
    "state_scope",
    "keyed_state",
    "keyed_state_scope",
    "async_map",
    "async_failures",
    "queues",
    "queue_edges",
    "processes",
    "event_time",
    "event_timers",
    "watermarks",
    "merged_watermarks",
    "windows",
    "late_records",
    "timers",
    "clock_timers",
    "checkpoints",
    "first_savepoints",
    "committed_output",
    "recovery",
    "kept_state",
    "kept_fields",
    "restarts",
    "kept_checkpoints",
    "savepoints",
    "savepoint_files",
    "upgrades",
    "transactions",
    "votes",
    "transaction_calls",
    "past_the_kernel",
    "models",
)


@cache
def every_contract_test() -> tuple[ContractTest, ...]:
    """Return every contract test.

    Raises:
        ConfigurationError: Two tests have one id: a fault of the kit.
    """
    found: dict[str, ContractTest] = {}
    for name in _MODULES:
        module = import_module(f"sage_kernel_api.testing.promises.{name}")
        for member in vars(module).values():
            for test in tests_of(member):
                # A function that a module imports from another one is not its own.
                if test.function.__module__ != module.__name__:
                    continue
                if test.test_id in found:
                    raise ConfigurationError(f"Two contract tests are called {test.test_id!r}.")
                found[test.test_id] = test
    return tuple(found.values())


def contract_tests_for(
    capabilities: frozenset[Capability],
    profiles: Iterable[Profile] = (),
    doors: BackDoors | None = None,
) -> tuple[ContractTest, ...]:
    """Return the tests of what a kernel with *capabilities* promises.

    Args:
        capabilities: As the kernel declares them.
        profiles: Only these; all if there are none.
        doors: The author's ways into the kernel; without one, tests that go through it are no
            part of the kit.
    """
    wanted = frozenset(profiles) or frozenset(Profile)
    is_open = doors.open_doors if doors else frozenset()
    return tuple(
        test
        for test in every_contract_test()
        if test.profile in wanted and test.fits(capabilities, is_open)
    )


def untested(capabilities: frozenset[Capability]) -> tuple[Capability, ...]:
    """Return the declared capabilities that this kit has no test for: it cannot judge them."""
    tests = contract_tests_for(capabilities)
    # By kind first: as texts, the profile "services" and the capability are equal.
    tested = {test.subject for test in tests if isinstance(test.subject, Capability)}
    return tuple(one for one in Capability if one in capabilities and one not in tested)


def find_contract_test(test_id: str) -> ContractTest:
    """Return the test of that id.

    Raises:
        ConfigurationError: There is none.
    """
    for test in every_contract_test():
        if test.test_id == test_id:
            return test
    raise ConfigurationError(f"The conformance kit has no test {test_id!r}.")
