"""Queues and tasks: what the face of the kernel shows beside jobs and services."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.errors import (
    ChannelClosedError,
    ChannelTimeoutError,
    ConfigurationError,
    JobNotFoundError,
    KernelClosedError,
    KeyEncodingError,
    PipelineError,
)
from sage_kernel_api.plugins import check_kernel
from sage_kernel_api.values import Capability, ConnectionInfo, JobId, TaskId
from sage_kernel_mock import MockKernelFacade
from tests.helpers import in_thread


def test_the_face_keeps_what_its_capabilities_promise(kernel: MockKernelFacade) -> None:
    """A kernel that declares more than it has fails its users late."""
    check_kernel(kernel)

    assert {Capability.TASKS, Capability.QUEUES, Capability.ASYNC_MAP} <= kernel.capabilities
    assert kernel.queue_manager is kernel.queue_manager
    assert kernel.task_manager is kernel.task_manager


def test_queues_are_bounded_first_in_first_out_and_close_for_good(
    kernel: MockKernelFacade,
) -> None:
    """Whoever waits at a queue must be woken when it closes."""
    queue = kernel.queue_manager.create_queue("q", 2)
    queue.put(1)
    queue.put(2)

    with pytest.raises(ChannelTimeoutError, match="stayed full"):
        queue.put(3, timeout_s=0)
    with in_thread(queue.put, 3) as writer:
        assert queue.get() == 1
    assert writer.error is None
    assert kernel.queue_manager.list_queues() == [
        {"name": "q", "size": 2, "capacity": 2, "is_closed": False}
    ]
    with in_thread(queue.put, 4) as late:
        kernel.queue_manager.delete_queue("q")
    assert isinstance(late.error, ChannelClosedError)
    assert [queue.get(), queue.get()] == [2, 3]
    with pytest.raises(ChannelClosedError, match="closed and empty"):
        queue.get()
    assert kernel.queue_manager.delete_queue("q") is False


def test_an_empty_queue_is_waited_for_so_long(kernel: MockKernelFacade) -> None:
    """A reader without a limit would hang a test."""
    with pytest.raises(ChannelTimeoutError, match="stayed empty"):
        kernel.queue_manager.create_queue("q", 1).get(timeout_s=0)


def test_wrong_queues_are_refused(kernel: MockKernelFacade) -> None:
    """Nothing changes by a wrong call, and the message helps."""
    manager = kernel.queue_manager
    manager.create_queue("words", 1)

    with pytest.raises(ConfigurationError, match="already"):
        manager.create_queue("words", 1)
    with pytest.raises(ConfigurationError, match="from 1"):
        manager.create_queue("other", 0)
    with pytest.raises(ConfigurationError, match="Nearest: words"):
        manager.get_queue("wrods")
    assert manager.get_queue("words").capacity == 1
    kernel.shutdown()
    assert manager.list_queues() == []
    with pytest.raises(KernelClosedError):
        manager.create_queue("late", 1)


@pytest.mark.parametrize(
    ("strategy", "received"),
    [
        ("broadcast", [["x", "y"], ["x", "y"]]),
        ("round_robin", [["x"], ["y"]]),
        ("forward", [[], ["x", "y"]]),
    ],
)
def test_a_lone_context_sends_to_queues_once_it_is_connected(
    kernel: MockKernelFacade, strategy: Any, received: list[list[str]]
) -> None:
    """Operators are tested against queues of any kernel."""
    queues = [kernel.queue_manager.create_queue(name, 9) for name in ("a", "b")]
    context = kernel.create_execution_context({"parallelism": 2, "parallel_index": 1})
    context.transport.set_downstream_connections([ConnectionInfo(("a", "b"), 0, strategy)])

    assert [context.send_data("x"), context.send_data("y"), context.send_data("z", "side")] == [
        True,
        True,
        False,
    ]

    assert [[queue.get() for _ in range(queue.size())] for queue in queues] == received
    assert [sent.data for sent in context.sent] == ["z"]


def test_a_key_that_cannot_be_routed_reaches_nobody(kernel: MockKernelFacade) -> None:
    """Half a delivery would be worse than none."""
    queue = kernel.queue_manager.create_queue("a", 9)
    context = kernel.create_execution_context({})
    context.transport.set_downstream_connections(
        [ConnectionInfo(("a",), 0, "broadcast"), ConnectionInfo(("a",), 1, "hash")]
    )

    with pytest.raises(KeyEncodingError):
        context.send_data("x", partition_key=object())

    assert queue.size() == 0


def test_a_wrong_connection_tells_all_that_is_wrong(kernel: MockKernelFacade) -> None:
    """The edges stay what they were."""
    kernel.queue_manager.create_queue("a", 9)
    context = kernel.create_execution_context({"parallelism": 3, "parallel_index": 2})
    connect = context.transport.set_downstream_connections
    connect([ConnectionInfo(("a",), 0, "broadcast")])
    odd: Any = "sideways"

    with pytest.raises(PipelineError, match="nothing is called 'b'") as caught:
        connect([ConnectionInfo(("a", "b"), 0, odd)])
    with pytest.raises(PipelineError, match="forward from instance 2 to 1"):
        connect([ConnectionInfo(("a",), 0, "forward")])
    with pytest.raises(PipelineError, match="no targets"):
        connect([ConnectionInfo((), 0, "hash")])

    assert len(caught.value.problems) == 2
    assert context.send_data(1) is True


def test_tasks_are_listed_with_their_counters(kernel: MockKernelFacade) -> None:
    """Who waits for whom is the first question about a slow job."""
    kernel.faults.slow("work[1]", 2)
    env = LocalEnvironment("job", kernel=kernel)
    env.from_collection(range(4)).rebalance().map(str, name="work", parallelism=2).sink(print)
    job_id = env.submit()

    tasks = kernel.task_manager.list_tasks(job_id)

    assert [
        (t["steps"], t["parallel_index"], t["records_in"], t["records_out"]) for t in tasks
    ] == [
        (["source"], 0, 4, 4),
        (["work"], 0, 2, 2),
        (["work"], 1, 2, 2),
        (["print"], 0, 4, 0),
    ]
    assert [task["busy_s"] for task in tasks] == [0, 0, 4, 0]
    assert {(task["state"], task["lane"], task["queue_depth"]) for task in tasks} == {
        ("done", "inline", 0)
    }
    assert kernel.task_manager.get_task_status(tasks[2]["task_id"]) == tasks[2]
    with pytest.raises(JobNotFoundError, match="no job 'x'"):
        kernel.task_manager.list_tasks(JobId("x"))
    with pytest.raises(JobNotFoundError, match="No job has a task 'x'"):
        kernel.task_manager.get_task_status(TaskId("x"))


def test_a_running_and_a_failed_task_say_so(kernel: MockKernelFacade) -> None:
    """From within a job, and after its end."""
    states: list[list[str]] = []

    def look(x: int) -> None:
        tasks = kernel.task_manager.list_tasks(JobId("job-1"))
        states.append([task["state"] for task in tasks])
        raise ValueError(x)

    env = LocalEnvironment("job", kernel=kernel)
    env.from_collection([1, 2]).sink(look)
    job_id = env.submit()

    assert states == [["running", "running"]]
    tasks = kernel.task_manager.list_tasks(job_id)
    assert [(task["state"], task["queue_depth"]) for task in tasks] == [("done", 0), ("failed", 1)]


def test_a_task_of_a_job_that_never_opened_was_only_created(kernel: MockKernelFacade) -> None:
    """A service that does not start keeps every step from its open()."""

    class Broken:
        def start(self) -> None:
            raise OSError("no port")

    env = LocalEnvironment("job", kernel=kernel)
    env.register_service("port", Broken)
    env.from_collection([1]).sink(print)

    tasks = kernel.task_manager.list_tasks(env.submit())

    assert [task["state"] for task in tasks] == ["created", "created"]
