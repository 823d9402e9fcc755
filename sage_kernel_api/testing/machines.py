"""Models of jobs and state, and random calls that compare a kernel with them.

Layer: testing. Needs hypothesis, as its neighbours `service_machines` and `random_pipelines` do.

Examples are derived from the machine itself, so that every run draws the same ones; a failing
sequence is made as short as possible and is part of the error.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from sage_kernel_api.errors import (
    JobNotFoundError,
)
from sage_kernel_api.testing.expectations import expect_equal, expect_error
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import JobId, JobState

__all__ = [
    "run_job_machine",
    "run_state_machine",
]


NAMES = st.sampled_from(["a", "b", "c"])


# Drawn from a few: tables of all characters take seconds to make.
_TEXTS = st.sampled_from(["", "a", "\u00e9", "x" * 300])


_ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


def so_many(examples: int, steps: int = 20) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        # No explanation phase: it traces every line, and the kernel's threads with it.
        phases=[Phase.generate, Phase.shrink],
    )


class _JobMachine(RuleBasedStateMachine):
    """A kernel's jobs are an ordered dictionary from id to last state."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.bench = bench
        for job in bench.jobs.list_jobs():
            bench.jobs.delete_job(job["job_id"])
        self.jobs: dict[JobId, JobState] = {}

    @rule(size=st.integers(0, 20), fails=st.booleans())
    def submit(self, size: int, fails: bool) -> None:
        env = self.bench.environment()
        stream = env.from_collection(range(size))
        stream.map(lambda x: 1 // (x - 3) if fails else x).sink(lambda record: None)
        job_id = self.bench.run(env)["job_id"]
        if job_id in self.jobs:
            expect_equal(job_id, "a new id", "the id of a new job")
        self.jobs[job_id] = JobState.FAILED if fails and size > 3 else JobState.FINISHED

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(list(self.jobs)))
        state = self.jobs[job_id]
        expect_equal(self.bench.jobs.get_job_status(job_id)["state"], state, "get_job_status")
        expect_equal(self.bench.wait(job_id)["state"], state, "wait_job")
        expect_equal(self.bench.jobs.cancel_job(job_id), False, "cancel_job")

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(list(self.jobs)))
        del self.jobs[job_id]
        expect_equal(self.bench.jobs.delete_job(job_id), True, "delete_job")
        expect_error(JobNotFoundError, self.bench.jobs.get_job_status, job_id)

    @rule()
    def compare(self) -> None:
        listed = [(job["job_id"], job["state"]) for job in self.bench.jobs.list_jobs()]
        expect_equal(listed, list(self.jobs.items()), "list_jobs()")


class _StateMachine(RuleBasedStateMachine):
    """A state manager is a dictionary of copies, and its checkpoints are copies of that."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.state = bench.kernel.create_execution_context({}).state_manager
        self.values: dict[str, Any] = {}
        self.checkpoints: dict[str, dict[str, Any]] = {}

    @rule(key=NAMES, value=_ANY_VALUE)
    def save(self, key: str, value: Any) -> None:
        expect_equal(self.state.save_state(key, value), True, "save_state")
        self.values[key] = copy.deepcopy(value)

    @rule(key=NAMES)
    def load(self, key: str) -> None:
        expect_equal(self.state.load_state(key, "none"), self.values.get(key, "none"), "load_state")

    @rule(key=NAMES)
    def change_what_was_loaded(self, key: str) -> None:
        value = self.state.load_state(key)
        if isinstance(value, (list, dict)):
            value.clear()

    @rule(key=NAMES)
    def clear(self, key: str) -> None:
        expect_equal(self.state.clear_state(key), key in self.values, "clear_state")
        self.values.pop(key, None)

    @rule(name=NAMES)
    def checkpoint(self, name: str) -> None:
        is_new = name not in self.checkpoints
        expect_equal(self.state.create_checkpoint(name), is_new, "create_checkpoint")
        self.checkpoints.setdefault(name, copy.deepcopy(self.values))

    @rule(name=NAMES)
    def restore(self, name: str) -> None:
        is_known = name in self.checkpoints
        expect_equal(self.state.restore_checkpoint(name), is_known, "restore_checkpoint")
        if is_known:
            self.values = copy.deepcopy(self.checkpoints[name])

    @rule()
    def compare(self) -> None:
        for key in "abc":
            self.load(key)


def run(
    machine: Callable[[Workbench], RuleBasedStateMachine], bench: Workbench, how: settings
) -> None:
    # Typed as a class, but any maker of machines will do.
    make: Any = partial(machine, bench)
    run_state_machine_as_test(make, settings=how)


def run_job_machine(bench: Workbench) -> None:
    """Compare the jobs of a kernel with their model."""
    run(_JobMachine, bench, so_many(8, 12))


def run_state_machine(bench: Workbench) -> None:
    """Compare the state manager of a kernel with its model."""
    run(_StateMachine, bench, so_many(30))
