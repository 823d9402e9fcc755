"""The facade is the kernel: found by name, cheap to pass through, silent."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.context import ContextConfig
from sage_kernel_api.errors import (
    CapabilityError,
    ChannelClosedError,
    ChannelTimeoutError,
    ConfigurationError,
    JobNotFoundError,
    JobStateError,
    KernelClosedError,
    KernelSpecError,
    PipelineError,
    StateError,
)
from sage_kernel_api.plugins import resolve_kernel
from sage_kernel_api.values import ConnectionInfo, JobId, JobState
from sage_kernel_default import DefaultKernelFacade
from tests.helpers import in_thread


def test_the_kernel_is_found_by_name_with_typed_options() -> None:
    """One string selects and configures it."""
    kernel = resolve_kernel("default?frame_size=64&service_timeout=2s")

    assert isinstance(kernel, DefaultKernelFacade)
    assert (kernel.options.frame_size, kernel.options.service_timeout) == (64, 2.0)
    with pytest.raises(KernelSpecError, match="frame_size"):
        resolve_kernel("default?frame_sise=64")


def test_a_job_shows_and_prints_nothing(
    env: LocalEnvironment, capfd: pytest.CaptureFixture[str]
) -> None:
    """Standard output belongs to the user, the root logger too."""
    handlers = list(logging.getLogger().handlers)
    env.from_collection(range(3)).sink(lambda _: None)

    env.submit(autostop=True)

    assert capfd.readouterr() == ("", "")
    assert logging.getLogger().handlers == handlers


def test_a_need_that_the_kernel_lacks_is_refused_before_anything_runs(
    env: LocalEnvironment, kernel: DefaultKernelFacade
) -> None:
    """A job that cannot work must not half work."""
    env.from_collection(range(3)).sink(lambda _: None, name="end")
    config = env.build_pipeline_config()
    config["transformations"][1]["requires"] = ["distributed"]

    with pytest.raises(CapabilityError, match="'end' needs 'distributed'"):
        kernel.job_manager.submit_job(config)
    with pytest.raises(PipelineError):
        kernel.job_manager.submit_job({})
    assert kernel.job_manager.list_jobs() == []


def test_jobs_are_listed_and_deleted_only_when_they_have_ended(
    env: LocalEnvironment, kernel: DefaultKernelFacade
) -> None:
    """A job that still runs must not get lost."""
    gate = threading.Event()
    env.from_collection([1]).sink(lambda _: gate.wait(10))
    jobs = kernel.job_manager
    job_id = env.submit()

    with pytest.raises(JobStateError, match="running"):
        jobs.delete_job(job_id)
    gate.set()
    assert jobs.wait_job(job_id)["state"] is JobState.FINISHED
    assert [status["job_id"] for status in jobs.list_jobs()] == [job_id]
    assert not jobs.cancel_job(job_id)
    with pytest.raises(JobStateError):
        jobs.pause_job(job_id)
    assert jobs.delete_job(job_id)
    with pytest.raises(JobNotFoundError):
        jobs.get_job_status(JobId(job_id))


def test_queues_are_bounded_and_first_in_first_out(kernel: DefaultKernelFacade) -> None:
    """The contract's queues are the channels of the running jobs."""
    queue = kernel.queue_manager.create_queue("q", 2)
    queue.put(1)
    queue.put(2)

    with pytest.raises(ChannelTimeoutError):
        queue.put(3, timeout_s=0.0)
    assert kernel.queue_manager.list_queues() == [
        {"name": "q", "size": 2, "capacity": 2, "is_closed": False}
    ]
    assert [queue.get(), queue.get()] == [1, 2]
    with pytest.raises(ChannelTimeoutError):
        queue.get(timeout_s=0.0)
    with pytest.raises(ConfigurationError):
        kernel.queue_manager.create_queue("q", 2)


def test_closing_wakes_a_reader_and_a_writer(kernel: DefaultKernelFacade) -> None:
    """Shutdown must not hang behind a queue."""
    full = kernel.queue_manager.create_queue("full", 1)
    full.put(0)
    empty = kernel.queue_manager.create_queue("empty", 1)

    with in_thread(full.put, 1) as writer, in_thread(empty.get) as reader:
        kernel.queue_manager.delete_queue("full")
        kernel.queue_manager.delete_queue("empty")

    assert isinstance(writer.error, ChannelClosedError)
    assert isinstance(reader.error, ChannelClosedError)
    assert full.get() == 0


def test_a_context_outside_of_jobs_sends_to_queues(kernel: DefaultKernelFacade) -> None:
    """Operators can be tried without a job."""
    context = kernel.create_execution_context({"name": "f", "key": "k"})
    assert not context.send_data(1)
    queues = [kernel.queue_manager.create_queue(name, 10) for name in ("a", "b")]

    context.transport.set_downstream_connections(
        [ConnectionInfo(("a", "b"), partition_strategy="round_robin")]
    )

    assert all(context.send_data(n) for n in range(4))
    assert context.transport.broadcast(9)
    assert [queue.size() for queue in queues] == [3, 3]
    with pytest.raises(PipelineError, match="no queue named 'c'"):
        context.transport.set_downstream_connections([ConnectionInfo(("c",))])


def test_a_wrong_context_configuration_lists_all_problems(kernel: DefaultKernelFacade) -> None:
    """One error, not one after the other."""
    wrong: Any = {"nam": "f", "parallelism": "two"}

    with pytest.raises(ConfigurationError) as caught:
        kernel.create_execution_context(wrong)

    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    "wrong", [{"parallelism": 0}, {"parallelism": True}, {"parallel_index": 2, "parallelism": 2}]
)
def test_a_context_that_no_instance_could_have_is_refused(
    kernel: DefaultKernelFacade, wrong: ContextConfig
) -> None:
    """A function under test would divide by a parallelism of 0, or be an instance of nothing."""
    with pytest.raises(ConfigurationError, match="parallel"):
        kernel.create_execution_context(wrong)


def test_state_is_copied_in_and_out(kernel: DefaultKernelFacade) -> None:
    """Changing a saved list must not change what was saved."""
    config: ContextConfig = {"name": "f"}
    state = kernel.create_runtime_context(config).state_manager
    value = [1]
    state.save_state("k", value)
    value.append(2)
    state.load_state("k").append(3)

    assert state.load_state("k") == [1]
    assert state.create_checkpoint("c1")
    assert not state.create_checkpoint("c1")
    assert state.clear_state("k")
    assert not state.clear_state("k")
    assert state.restore_checkpoint("c1")
    assert state.load_state("k") == [1]
    with pytest.raises(StateError, match="lock"):
        state.save_state("k", threading.Lock())
    assert state.load_state("k") == [1]


def test_after_shutdown_everything_that_starts_is_refused(kernel: DefaultKernelFacade) -> None:
    """A kernel that was shut down stays so; the status of its jobs is still there."""
    env = LocalEnvironment("test", kernel=kernel)
    env.from_collection([1]).sink(lambda _: None)
    job_id = env.submit(autostop=True)

    kernel.shutdown()

    assert kernel.job_manager.get_job_status(job_id)["state"] is JobState.FINISHED
    with pytest.raises(KernelClosedError):
        kernel.job_manager.submit_job(env.build_pipeline_config())
    with pytest.raises(KernelClosedError):
        kernel.create_execution_context({})
    with pytest.raises(KernelClosedError):
        kernel.queue_manager.create_queue("q", 1)
