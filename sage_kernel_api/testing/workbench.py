"""What a contract test works with: a kernel, pipelines on it, and waits that end.

Layer: testing. Knows the face and the core; nothing of how tests are chosen or reported.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, cast

from sage_kernel_api.communication import QueueManager
from sage_kernel_api.context import ExecutionContext, SupportsKeyedState
from sage_kernel_api.core.environment import BaseEnvironment, LocalEnvironment
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.kernel_facade import (
    KernelFacade,
    SupportsCheckpoints,
    SupportsQueues,
    SupportsTasks,
)
from sage_kernel_api.lifecycle import JobManager, PausableJobManager, TaskManager
from sage_kernel_api.storage import CheckpointManager, KeyedStateStore
from sage_kernel_api.testing.backdoors import BackDoors, Door, HasManualTime
from sage_kernel_api.testing.expectations import BrokenPromiseError, expect, expect_equal
from sage_kernel_api.testing.moving_time import passing_time
from sage_kernel_api.values import Capability, JobId, JobState, JobStatus

__all__ = ["Env", "Workbench"]

T = TypeVar("T")

Env: TypeAlias = BaseEnvironment[Any]
"""An environment on any kernel."""

_WAIT_S: Final = 10.0
_LOOK_S: Final = 0.002


class Workbench:
    """One kernel for one test.

    Args:
        kernel: A new one; whoever made it shuts down the one that is there in the end.
        doors: The author's ways into it.
        wait_s: Longest time of each wait, in seconds.
        make: Makes another kernel of the same kind, for `start_again`.

    Attributes:
        kernel: As given; after `start_again` the new one.
        doors: As given.
        wait_s: As given.
    """

    def __init__(
        self,
        kernel: KernelFacade,
        doors: BackDoors | None = None,
        wait_s: float = _WAIT_S,
        make: Callable[[], KernelFacade] | None = None,
    ) -> None:
        self.kernel: KernelFacade = kernel
        self.doors: BackDoors = doors or BackDoors()
        self.wait_s = wait_s
        self._make = make
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    # --- the kernel ------------------------------------------------------------------------

    @property
    def jobs(self) -> JobManager:
        """The kernel's jobs."""
        return self.kernel.job_manager

    @property
    def pausable(self) -> PausableJobManager:
        """The kernel's jobs, with `Capability.PAUSE`."""
        return cast("PausableJobManager", self.kernel.job_manager)

    @property
    def tasks(self) -> TaskManager:
        """The kernel's tasks, with `Capability.TASKS`."""
        return cast("SupportsTasks", self.kernel).task_manager

    @property
    def queues(self) -> QueueManager:
        """The kernel's queues, with `Capability.QUEUES`."""
        return cast("SupportsQueues", self.kernel).queue_manager

    @property
    def checkpoints(self) -> CheckpointManager:
        """The kernel's checkpoints, with `Capability.CHECKPOINTS`."""
        return cast("SupportsCheckpoints", self.kernel).checkpoint_manager

    def has(self, capability: Capability) -> bool:
        """Tell whether the kernel declares *capability*."""
        return capability in self.kernel.capabilities

    def keyed_state(self, context: ExecutionContext) -> KeyedStateStore:
        """Return the keyed state of a context.

        Raises:
            BrokenPromiseError: It has none, although the kernel declares it.
        """
        expect(isinstance(context, SupportsKeyedState), "the context has no `keyed_state`")
        return cast("SupportsKeyedState", context).keyed_state

    @property
    def folder(self) -> Path:
        """An empty folder that goes away after the test."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="sage-kernel-kit-")
        return Path(self._folder.name)

    def start_again(self) -> None:
        """Let the kernel die and take its place by a new one, as when the program starts again.

        The author's back doors make it a crash, if both are open. Otherwise the kernel is shut
        down, which cancels its jobs: they take no last checkpoint. What is on disk stays.
        """
        if {Door.CRASH, Door.REOPEN} <= self.doors.open_doors:
            self.doors.crash(self.kernel)
            self.kernel = self.doors.reopen()
            return
        if self._make is None:
            raise ConfigurationError("This workbench was not told how to make another kernel.")
        self.kernel.shutdown()
        self.kernel = self._make()

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            self._folder.cleanup()

    # --- pipelines -------------------------------------------------------------------------

    def environment(self, name: str = "job", config: dict[str, Any] | None = None) -> Env:
        """Return an environment on the kernel, to describe one job."""
        return LocalEnvironment(name, config, kernel=self.kernel)

    def run(self, environment: Env) -> JobStatus:
        """Submit, wait for the end, and return the last status, whatever it is."""
        return self.wait(environment.submit())

    def finish(self, environment: Env) -> JobStatus:
        """Submit, wait for the end, and return the status of the finished job.

        Raises:
            BrokenPromiseError: It ended in another state; the cause is the job's exception.
        """
        status = self.run(environment)
        if status["state"] is not JobState.FINISHED:
            cause = status.get("exception")
            raise BrokenPromiseError(
                f"the job ended as {status['state']!r}, not finished: {cause}"
            ) from cause
        return status

    def collect(self, stream: DataStream[T]) -> list[T]:
        """Run the pipeline to its end and return the records of *stream*."""
        records: list[T] = []
        stream.sink(records.append, parallelism=1, name="kit-collect")
        self.finish(stream.environment)
        return records

    def fail(self, environment: Env) -> BaseException:
        """Run a job that must fail, and return the exception in its status."""
        status = self.run(environment)
        expect_equal(status["state"], JobState.FAILED, "the state of a job that must fail")
        error = status.get("exception")
        expect(error is not None, "the status of a failed job has no exception")
        return cast(BaseException, error)

    def wait(self, job_id: JobId) -> JobStatus:
        """Wait for the end of a job, for a bounded time."""
        return self.jobs.wait_job(job_id, self.wait_s)

    # --- time and threads ------------------------------------------------------------------

    def until(self, is_so: Callable[[], object], what: str) -> None:
        """Wait until *is_so*.

        Raises:
            BrokenPromiseError: It was not so in time; the message says *what* did not happen.
        """
        end_s = time.monotonic() + self.wait_s
        with passing_time(self.kernel):
            while not is_so():
                if time.monotonic() > end_s:
                    raise BrokenPromiseError(f"after {self.wait_s:g} s still not: {what}")
                time.sleep(_LOOK_S)

    def await_event(self, event: threading.Event, what: str) -> None:
        """Wait for *event*; as `until`."""
        with passing_time(self.kernel):
            if not event.wait(self.wait_s):
                raise BrokenPromiseError(f"after {self.wait_s:g} s still not: {what}")

    def until_still(self, count: Callable[[], int], looks: int = 75) -> int:
        """Wait until *count* has not changed for that many looks, and return it."""
        end_s = time.monotonic() + self.wait_s
        before, same = count(), 0
        with passing_time(self.kernel):
            while same < looks and time.monotonic() < end_s:
                time.sleep(2 * _LOOK_S)
                now = count()
                before, same = now, same + 1 if now == before else 0
        return before

    def pass_time(self, seconds: float) -> None:
        """Let time pass for the kernel: on its own clock if tests move that, else by sleeping."""
        if isinstance(self.kernel, HasManualTime):
            self.kernel.clock.advance(seconds)
        else:
            time.sleep(seconds)

    @contextmanager
    def beside(self, call: Callable[[], T]) -> Iterator[list[T]]:
        """Run *call* on another thread beside the block; its result is there after the block.

        Raises:
            BrokenPromiseError: It did not return in time after the block's end.
        """
        results: list[T] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                results.append(call())
            except BaseException as error:  # noqa: BLE001 - raised where the block ends
                errors.append(error)

        thread = threading.Thread(target=work, name="kit-beside", daemon=True)
        thread.start()
        yield results
        thread.join(self.wait_s)
        if thread.is_alive():
            raise BrokenPromiseError(f"the call beside did not return within {self.wait_s:g} s")
        if errors:
            raise errors[0]
