"""Run the pipeline from a stream and bring its records back to the caller.

Layer: core.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from sage_kernel_api.core.arguments import check_count
from sage_kernel_api.core.functions import SinkFunction
from sage_kernel_api.core.operators import SinkOperator
from sage_kernel_api.core.streams.stream_base import StreamBase
from sage_kernel_api.core.transformation import StepOptions
from sage_kernel_api.errors import JobCancelledError, JobFailedError, WaitTimeoutError
from sage_kernel_api.values import Payload

__all__ = ["CollectingSteps"]

T_co = TypeVar("T_co", covariant=True)

# How often a caller who waits for some records looks whether the job has ended without them: at
# first, and at most.
_FIRST_LOOK_S = 0.001
_LOOK_S = 0.05
# How long it waits for the job in between: to a simulated one, which never idles, a hundred turns.
_GO_ON_S = 0.0001


class CollectingSteps(StreamBase[T_co], Generic[T_co]):
    """The steps that run the pipeline."""

    def execute_and_collect(self) -> list[T_co]:
        """Run the whole pipeline to its end and return the records of this stream.

        The pipeline is afterwards described as before, so that it can be run again.

        Raises:
            PipelineError, CapabilityError: The pipeline cannot run. Nothing was started.
            JobFailedError: The job failed; ``__cause__`` is the original exception.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> LocalEnvironment(kernel="mock").from_collection("ab").execute_and_collect()
            ['a', 'b']
        """
        records: list[T_co] = []
        environment = self._environment
        step = self._add_step(SinkOperator, records.append, (), {}, self._collector("collect"))
        try:
            environment.submit(autostop=True)
        finally:
            environment.remove_transformation(step)
        return records

    collect = execute_and_collect

    def take(self, count: int) -> list[T_co]:
        """Run the pipeline until this stream has given *count* records, then end the job.

        Returns:
            The first *count* records; fewer if the job ended before.

        Raises:
            PipelineError: *count* is no whole number from 0, or the pipeline cannot run.
            JobFailedError: The job failed before.
        """
        check_count(count, "take()")
        if count == 0:
            return []
        bucket = _Bucket(count)
        environment = self._environment
        step = self._add_step(SinkOperator, _TakeSink, (bucket,), {}, self._collector("take"))
        try:
            environment.submit()
            look_s = _FIRST_LOOK_S
            while not bucket.is_full.wait(look_s) and not self._has_ended():
                look_s = min(2 * look_s, _LOOK_S)
            if bucket.is_full.is_set():
                environment.cancel()
            else:
                environment.wait()
        finally:
            environment.remove_transformation(step)
            environment.close()
        return bucket.records[:count]

    def _has_ended(self) -> bool:
        """Let the job go on for a moment: a simulated one moves only while somebody waits."""
        try:
            self._environment.wait(timeout_s=_GO_ON_S)
        except WaitTimeoutError:
            return False
        except (JobCancelledError, JobFailedError):
            # Told by who asks for the end; the records may be there all the same.
            return True
        return True

    def _collector(self, label: str) -> StepOptions:
        # One instance: records of all instances of this stream meet in one list.
        return StepOptions(self._environment.free_name(label), parallelism=1)


class _Bucket:
    """Records on their way from a sink to the caller."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.records: list[Payload] = []
        self.is_full = threading.Event()


class _TakeSink(SinkFunction[Payload]):
    """Fills a bucket."""

    def __init__(self, bucket: _Bucket) -> None:
        super().__init__()
        self.bucket = bucket

    def execute(self, data: Payload) -> None:
        """Put one record in, unless the bucket is full."""
        if len(self.bucket.records) < self.bucket.count:
            self.bucket.records.append(data)
        if len(self.bucket.records) >= self.bucket.count:
            self.bucket.is_full.set()
