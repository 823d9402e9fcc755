"""What the kernel's parts show is the running job itself, not a model beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.errors import ChannelClosedError, ConfigurationError
from sage_kernel_api.values import JobId, JobState
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from tests.helpers import no_leaks

WAIT_S = 60.0


@pytest.fixture
def small() -> Iterator[DefaultKernelFacade]:
    with no_leaks():
        kernel = DefaultKernelFacade(DefaultOptions(channel_capacity=8, frame_size=1))
        yield kernel
        kernel.shutdown()


class Gate:
    """Holds a sink at its first record until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def hold(self, _: object) -> None:
        self.reached.set()
        self.opened.wait(WAIT_S)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def start_held(kernel: DefaultKernelFacade, gate: Gate, *, placement: str) -> LocalEnvironment:
    """Start a job whose sink holds everything up; return once all channels are full."""
    env = LocalEnvironment("held", kernel=kernel)
    made = 0

    def make(number: int) -> int:
        nonlocal made
        made += 1
        return number

    middle = env.from_collection(range(1000)).map(make, name="make").rebalance()
    passed = middle.map(lambda n: n, name="pass", parallelism=2)
    if placement == "process":
        passed.set_placement("process")
    passed.sink(gate.hold, name="end", parallelism=1)
    env.submit()
    assert gate.reached.wait(WAIT_S)
    return env


@pytest.mark.parametrize("placement", ["kernel", "process"])
def test_the_queues_of_a_running_job_are_listed_with_their_depth(
    small: DefaultKernelFacade, gate: Gate, placement: str
) -> None:
    """A full channel in front of a slow step is what one looks for."""
    own = small.queue_manager.create_queue("my own", 3)
    own.put(1)
    env = start_held(small, gate, placement=placement)
    names = [f"held-1/{n}.pass/{n2} -> held-1/2.end/0" for n, n2 in ((1, 0), (1, 1))]

    while max(_sizes(small)[name] for name in names) < 8:
        pass  # the tasks fill them up without telling anybody

    listed = {status["name"]: status for status in small.queue_manager.list_queues()}
    assert set(listed) == {
        "my own",
        *names,
        "held-1/0.source..make/0 -> held-1/1.pass/0",
        "held-1/0.source..make/0 -> held-1/1.pass/1",
    }
    assert all(status["capacity"] == 8 for name, status in listed.items() if name != "my own")
    assert small.queue_manager.get_queue(names[0]).size() > 0
    gate.opened.set()
    assert env.wait(WAIT_S)["state"] is JobState.FINISHED
    assert [status["name"] for status in small.queue_manager.list_queues()] == ["my own"]


def _sizes(kernel: DefaultKernelFacade) -> dict[str, int]:
    return {status["name"]: status["size"] for status in kernel.queue_manager.list_queues()}


def test_a_channel_of_a_job_can_be_looked_at_only(small: DefaultKernelFacade, gate: Gate) -> None:
    """A record that an outsider puts in or takes out would break the job's ledger."""
    env = start_held(small, gate, placement="kernel")
    name = "held-1/1.pass/0 -> held-1/2.end/0"
    channel = small.queue_manager.get_queue(name)

    with pytest.raises(ChannelClosedError, match="channel of a running job"):
        channel.put(1)
    with pytest.raises(ChannelClosedError, match="channel of a running job"):
        channel.get()
    with pytest.raises(ConfigurationError, match="cancel the job"):
        small.queue_manager.delete_queue(name)
    channel.close()
    with pytest.raises(ConfigurationError, match=r"Nearest: held-1/1\.pass"):
        small.queue_manager.get_queue("held-1/1.pass/0 -> held-1/2.end/1")
    gate.opened.set()

    assert env.wait(WAIT_S)["state"] is JobState.FINISHED


def test_the_channel_that_closes_a_loop_has_no_bound(
    small: DefaultKernelFacade, gate: Gate
) -> None:
    """Its capacity of 0 says so: there is no way to fill it."""
    env = LocalEnvironment("loop", kernel=small)
    again = env.from_future("again", int)
    numbers = env.from_collection([3]).union(again).map(lambda n: n - 1, name="less")
    numbers.filter(lambda n: n > 0).fill_future(again)
    numbers.sink(gate.hold)
    env.submit()
    assert gate.reached.wait(WAIT_S)

    assert 0 in {status["capacity"] for status in small.queue_manager.list_queues()}
    gate.opened.set()
    env.wait(WAIT_S)


@pytest.mark.parametrize("placement", ["kernel", "process"])
def test_the_status_tells_where_time_goes_and_where_records_wait(
    small: DefaultKernelFacade, gate: Gate, placement: str
) -> None:
    """Who finds the slow step in the status need not guess."""
    env = start_held(small, gate, placement=placement)
    while env.status()["steps"]["end"].get("queue_depth", 0) < 8:
        pass

    status = env.status()
    assert set(status["steps"]) == {"source", "make", "pass", "end"}
    end = status["steps"]["end"]
    assert end.get("queue_depth", 0) >= 8
    waiting = [edge for edge in status["edges"] if edge["downstream"] == "end"]
    assert waiting[0]["in_flight"] >= end.get("queue_depth", 0) - 8
    gate.opened.set()
    steps = env.wait(WAIT_S)["steps"]

    for name, step in steps.items():
        assert step.get("busy_s", 0.0) > 0.0, name
        assert step.get("queue_depth") == 0, name
    # The sink stood still inside of the user's code: that is work. All before it was held up.
    assert steps["make"].get("blocked_s", 0.0) > 0.0
    assert steps["end"].get("idle_s") is not None
    assert steps["make"].get("busy_s") == steps["source"].get("busy_s")


def test_tasks_and_queues_agree(small: DefaultKernelFacade, gate: Gate) -> None:
    """Two parts that show one job must not contradict each other."""
    env = start_held(small, gate, placement="kernel")
    while env.status()["steps"]["end"].get("queue_depth", 0) < 16:
        pass

    sink = next(
        task
        for task in small.task_manager.list_tasks(JobId(env.uuid or ""))
        if task["steps"] == ["end"]
    )
    sizes = _sizes(small)

    assert sink["queue_depth"] == sum(sizes[n] for n in sizes if n.endswith("end/0")) == 16
    gate.opened.set()
    env.wait(WAIT_S)
