"""Models of jobs, state, services and queues, and random calls that compare a kernel with them.

Layer: testing. The only module of the kit that needs hypothesis.

Examples are derived from the machine itself, so that every run draws the same ones; a failing
sequence is made as short as possible and is part of the error.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from sage_kernel_api.errors import (
    ChannelClosedError,
    ChannelTimeoutError,
    ConfigurationError,
    JobNotFoundError,
    ServiceNotFoundError,
    ServiceStateError,
)
from sage_kernel_api.testing.expectations import expect_equal, expect_error
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import JobId, JobState

__all__ = [
    "check_random_chains",
    "check_random_folds",
    "run_job_machine",
    "run_queue_machine",
    "run_service_machine",
    "run_state_machine",
]

_NAMES = st.sampled_from(["a", "b", "c"])
# Drawn from a few: tables of all characters take seconds to make.
_TEXTS = st.sampled_from(["", "a", "\u00e9", "x" * 300])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=5,
)
_NUMBERS = count()


def _settings(examples: int, steps: int = 20) -> settings:
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

    @rule(key=_NAMES, value=_VALUES)
    def save(self, key: str, value: Any) -> None:
        expect_equal(self.state.save_state(key, value), True, "save_state")
        self.values[key] = copy.deepcopy(value)

    @rule(key=_NAMES)
    def load(self, key: str) -> None:
        expect_equal(self.state.load_state(key, "none"), self.values.get(key, "none"), "load_state")

    @rule(key=_NAMES)
    def change_what_was_loaded(self, key: str) -> None:
        value = self.state.load_state(key)
        if isinstance(value, (list, dict)):
            value.clear()

    @rule(key=_NAMES)
    def clear(self, key: str) -> None:
        expect_equal(self.state.clear_state(key), key in self.values, "clear_state")
        self.values.pop(key, None)

    @rule(name=_NAMES)
    def checkpoint(self, name: str) -> None:
        is_new = name not in self.checkpoints
        expect_equal(self.state.create_checkpoint(name), is_new, "create_checkpoint")
        self.checkpoints.setdefault(name, copy.deepcopy(self.values))

    @rule(name=_NAMES)
    def restore(self, name: str) -> None:
        is_known = name in self.checkpoints
        expect_equal(self.state.restore_checkpoint(name), is_known, "restore_checkpoint")
        if is_known:
            self.values = copy.deepcopy(self.checkpoints[name])

    @rule()
    def compare(self) -> None:
        for key in "abc":
            self.load(key)


class _Counter:
    def __init__(self) -> None:
        self.count = 0

    def add(self, value: int) -> int:
        self.count += value
        return self.count


class _ServiceMachine(RuleBasedStateMachine):
    """Services are names; those that run have a sum, which a new start sets to 0."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.manager = bench.kernel.service_manager
        # Names cannot be given back, so that each sequence has names of its own.
        self.prefix = f"{next(_NUMBERS)}-"
        self.known: set[str] = set()
        self.sums: dict[str, int] = {}

    @rule(name=_NAMES)
    def register(self, name: str) -> None:
        if name in self.known:
            expect_error(ServiceStateError, self.manager.register_service, self.prefix + name, dict)
        else:
            self.manager.register_service(self.prefix + name, _Counter)
            self.known.add(name)

    @rule(name=_NAMES)
    def start(self, name: str) -> None:
        if name not in self.known:
            expect_error(ServiceNotFoundError, self.manager.start_service, self.prefix + name)
            return
        expect_equal(
            self.manager.start_service(self.prefix + name), name not in self.sums, "start_service"
        )
        self.sums.setdefault(name, 0)

    @rule(name=_NAMES)
    def stop(self, name: str) -> None:
        if name not in self.known:
            expect_error(ServiceNotFoundError, self.manager.stop_service, self.prefix + name)
            return
        expect_equal(
            self.manager.stop_service(self.prefix + name), name in self.sums, "stop_service"
        )
        self.sums.pop(name, None)

    @rule(name=_NAMES, value=st.integers(-5, 5))
    def call(self, name: str, value: int) -> None:
        if name not in self.known:
            expect_error(
                ServiceNotFoundError, self.manager.call_service, self.prefix + name, "add", value
            )
            return
        self.sums[name] = self.sums.get(name, 0) + value
        answer = self.manager.call_service(self.prefix + name, "add", value)
        expect_equal(answer, self.sums[name], "the answer")

    def teardown(self) -> None:
        for name in self.sums:
            self.manager.stop_service(self.prefix + name)


_CAPACITY: Final = 2


class _QueueMachine(RuleBasedStateMachine):
    """Queues are bounded lists with a flag."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.queues = bench.queues
        for status in self.queues.list_queues():
            self.queues.delete_queue(status["name"])
        self.items: dict[str, list[int]] = {}
        self.closed: set[str] = set()

    @rule(name=_NAMES)
    def create(self, name: str) -> None:
        if name in self.items:
            expect_error(ConfigurationError, self.queues.create_queue, name, 1)
        else:
            self.queues.create_queue(name, _CAPACITY)
            self.items[name] = []

    @precondition(lambda self: self.items)
    @rule(data=st.data(), item=st.integers())
    def put(self, data: st.DataObject, item: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.items)))
        queue = self.queues.get_queue(name)
        if name in self.closed:
            expect_error(ChannelClosedError, queue.put, item, timeout_s=0)
        elif len(self.items[name]) == _CAPACITY:
            expect_error(ChannelTimeoutError, queue.put, item, timeout_s=0)
        else:
            queue.put(item, timeout_s=0)
            self.items[name].append(item)

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def get(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.items)))
        queue = self.queues.get_queue(name)
        if self.items[name]:
            expect_equal(queue.get(timeout_s=0), self.items[name].pop(0), "the item")
        elif name in self.closed:
            expect_error(ChannelClosedError, queue.get, timeout_s=0)
        else:
            expect_error(ChannelTimeoutError, queue.get, timeout_s=0)

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.items)))
        self.queues.get_queue(name).close()
        self.closed.add(name)

    @rule(name=_NAMES)
    def delete(self, name: str) -> None:
        expect_equal(self.queues.delete_queue(name), name in self.items, "delete_queue")
        self.items.pop(name, None)
        self.closed.discard(name)

    @rule()
    def compare(self) -> None:
        listed = [(s["name"], s["size"], s["is_closed"]) for s in self.queues.list_queues()]
        expected = [(n, len(i), n in self.closed) for n, i in sorted(self.items.items())]
        expect_equal(listed, expected, "list_queues()")


def _run(
    machine: Callable[[Workbench], RuleBasedStateMachine], bench: Workbench, how: settings
) -> None:
    # Typed as a class, but any maker of machines will do.
    make: Any = partial(machine, bench)
    run_state_machine_as_test(make, settings=how)


def run_job_machine(bench: Workbench) -> None:
    """Compare the jobs of a kernel with their model."""
    _run(_JobMachine, bench, _settings(8, 12))


def run_state_machine(bench: Workbench) -> None:
    """Compare the state manager of a kernel with its model."""
    _run(_StateMachine, bench, _settings(30))


def run_service_machine(bench: Workbench) -> None:
    """Compare the services of a kernel with their model."""
    _run(_ServiceMachine, bench, _settings(15))


def run_queue_machine(bench: Workbench) -> None:
    """Compare the queues of a kernel with their model."""
    _run(_QueueMachine, bench, _settings(30))


_STEPS: Final[dict[str, Any]] = {
    "add": ("map", lambda x: x + 1),
    "double": ("map", lambda x: x * 2),
    "even": ("filter", lambda x: x % 2 == 0),
    "small": ("filter", lambda x: x < 50),
    "twice": ("flatmap", lambda x: [x, -x]),
    "none": ("flatmap", lambda x: [] if x % 3 else [x]),
}


def check_random_chains(bench: Workbench) -> None:
    """Compare random chains of steps with loops over lists."""

    @_settings(25)
    @given(
        st.lists(st.integers(-100, 100), max_size=40),
        st.lists(st.sampled_from(sorted(_STEPS)), max_size=6),
    )
    def compare(records: list[int], names: list[str]) -> None:
        stream = bench.environment().from_collection(records)
        expected = records
        for name in names:
            method, function = _STEPS[name]
            stream = getattr(stream, method)(function)
            expected = _plain(method, function, expected)
        expect_equal(bench.collect(stream), expected, f"the records behind {names}")

    compare()


def check_random_folds(bench: Workbench) -> None:
    """Compare random keyed sums with those of a dictionary."""
    keys = st.sampled_from(["a", "", 0, 1, None, ("x", 1)])

    @_settings(25)
    @given(st.lists(st.tuples(keys, st.integers(-9, 9)), max_size=40))
    def compare(records: list[tuple[Any, int]]) -> None:
        stream = bench.environment().from_collection(records).keyby(lambda pair: pair[0])
        folded = stream.reduce(lambda a, b: (a[0], a[1] + b[1]))
        sums: dict[Any, int] = {}
        expected = []
        for key, number in records:
            sums[key] = sums.get(key, 0) + number
            expected.append((key, sums[key]))
        expect_equal(bench.collect(folded), expected, "the running sums")

    compare()


def _plain(method: str, function: Any, records: list[int]) -> list[int]:
    if method == "map":
        return [function(x) for x in records]
    if method == "filter":
        return [x for x in records if function(x)]
    return [y for x in records for y in function(x)]
