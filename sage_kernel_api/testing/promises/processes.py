"""Steps in processes of their own.

Layer: testing. Promises of `Capability.PROCESS_LANES`. What lives in another process is told by the
records that come back.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from sage_kernel_api.core.functions import MapFunction
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.errors import LaneError, PipelineError, StepError, ValueEncodingError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_error,
    expect_type,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState

_VALUES: list[Any] = [None, 0, False, "", b"", (), [], {"a": (1, [2])}, 1 << 200, "x" * 100_000]


def _away(stream: DataStream[Any]) -> DataStream[Any]:
    """Let the step before run in a process of its own."""
    return stream.set_placement("process")


def _pid_of(record: Any) -> int:
    return os.getpid()


def _same(record: Any) -> Any:
    return record


def _fail(record: int) -> int:
    raise ValueError(f"no {record}")


def _die(record: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return record


def _lock(record: int) -> object:
    return threading.Lock()


@promise(Capability.PROCESS_LANES)
def a_step_can_run_in_another_process(bench: Workbench) -> None:
    """With `placement="process"` a step runs elsewhere; the steps beside it stay."""
    env = bench.environment()
    stream = _away(env.from_collection([1]).map(_pid_of))

    away, here = bench.collect(stream.map(lambda pid: [pid, os.getpid()]))[0]

    expect_equal(here, os.getpid(), "the process of the step behind")
    expect(away != here, "the step ran in the kernel's process")


@promise(Capability.PROCESS_LANES)
def values_cross_as_they_are(bench: Workbench) -> None:
    """Every value comes back equal and of its type, None and large ones included, in order."""
    env = bench.environment()

    got = bench.collect(_away(env.from_collection(_VALUES).map(_same)))

    expect_equal(got, _VALUES, "the records")


@promise(Capability.PROCESS_LANES)
def many_records_cross_in_order(bench: Workbench) -> None:
    """No record is lost, doubled or overtaken between processes."""
    env = bench.environment()

    got = bench.collect(_away(env.from_collection(range(20_000)).map(_same)))

    expect_equal(got, list(range(20_000)), "the records")


@promise(Capability.PROCESS_LANES)
def an_exception_comes_back_as_itself(bench: Workbench) -> None:
    """The job fails by a `StepError` whose cause has type and text of the original."""
    env = bench.environment()
    _away(env.from_collection([7]).map(_fail, name="fails")).sink(lambda record: None)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_equal(repr(error.__cause__), "ValueError('no 7')", "the cause")
    expect_equal((error.step, error.record), ("fails", "7"), "step and record")


@promise(Capability.PROCESS_LANES)
def a_killed_process_fails_the_job(bench: Workbench) -> None:
    """A process that dies is noticed: the job is FAILED by a `LaneError`, and nothing hangs."""
    env = bench.environment()
    _away(env.from_collection([1]).map(_die)).sink(lambda record: None)

    error = bench.fail(env)

    expect(
        any(isinstance(one, LaneError) for one in (error, error.__cause__)),
        f"the job failed by {error!r}",
    )


@promise(Capability.PROCESS_LANES)
def a_value_that_cannot_travel_fails_the_job(bench: Workbench) -> None:
    """A record that cannot be encoded is a `ValueEncodingError`; it is not lost silently."""
    env = bench.environment()
    _away(env.from_collection([1]).map(_lock)).sink(lambda record: None)

    error = bench.fail(env)

    expect(
        any(isinstance(one, ValueEncodingError) for one in (error, error.__cause__)),
        f"the job failed by {error!r}",
    )


@promise(Capability.PROCESS_LANES)
def a_function_that_cannot_travel_is_refused(bench: Workbench) -> None:
    """A step that cannot leave the process is a `PipelineError` before anything runs."""
    lock = threading.Lock()
    env = bench.environment()
    _away(env.from_collection([1]).map(lambda x: (x, lock), name="held")).sink(lambda record: None)

    error = expect_error(PipelineError, env.submit)

    expect("held" in str(error), f"the message does not name the step: {error}")
    expect_equal(bench.jobs.list_jobs(), [], "list_jobs() after the refusal")


class _Writes(MapFunction[int, int]):
    """Leaves a mark in a folder when it is closed."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def execute(self, data: int) -> int:
        return data

    def close(self) -> None:
        Path(self.folder, str(os.getpid())).touch()


@promise(Capability.PROCESS_LANES)
def functions_elsewhere_are_closed(bench: Workbench) -> None:
    """A function in another process is closed before the job has ended."""
    env = bench.environment()
    folder = str(bench.folder)

    bench.collect(_away(env.from_collection([1, 2]).map(_Writes, folder)))

    expect_equal(len(list(bench.folder.iterdir())), 1, "marks of closed functions")


@promise(Capability.PROCESS_LANES, Capability.PARALLELISM)
def parallel_instances_have_processes_of_their_own(bench: Workbench) -> None:
    """Two instances run in two processes, if the kernel may use as many."""
    env = bench.environment()
    stream = _away(env.from_collection(range(40)).map(_pid_of, parallelism=2))

    pids = set(bench.collect(stream))

    expect(os.getpid() not in pids, "an instance ran in the kernel's process")
    expect_equal(len(pids), min(2, os.cpu_count() or 1), "the number of processes")


@promise(Capability.PROCESS_LANES, Capability.BACKGROUND_JOBS)
def cancelling_ends_the_processes(bench: Workbench) -> None:
    """When `cancel_job` returns, the job's processes are gone."""
    pids: list[int] = []
    env = bench.environment()
    _away(env.from_source(lambda: 1).map(_pid_of)).sink(
        lambda pid: pids.append(pid) if not pids else None
    )
    job_id = env.submit()
    bench.until(lambda: pids, "the first record")

    bench.jobs.cancel_job(job_id)

    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.CANCELLED, "the state")
    bench.until(lambda: not _is_alive(pids[0]), "the process has ended")


class _Adds(MapFunction[int, Any]):
    def execute(self, data: int) -> Any:
        return self.ctx.call_service("sum", "add", data)


class _Sum:
    def __init__(self) -> None:
        self.sum = 0

    def add(self, value: int) -> int:
        self.sum += value
        return self.sum


@promise(Capability.PROCESS_LANES, Capability.SERVICES)
def a_function_elsewhere_calls_services(bench: Workbench) -> None:
    """Calls go to the service in the kernel's process, and the answers come back."""
    env = bench.environment()
    env.register_service("sum", _Sum)

    got = bench.collect(_away(env.from_collection([1, 2, 3]).map(_Adds)))

    expect_equal(got, [1, 3, 6], "the answers")


class _KeyAndPath(MapFunction[int, Any]):
    def execute(self, data: int) -> Any:
        return self.ctx.get_key(), "sage_kernel_api" in sys.modules


@promise(Capability.PROCESS_LANES, Capability.KEYED_ROUTING)
def keys_travel_with_their_records(bench: Workbench) -> None:
    """A record has its key in the other process, falsy ones included."""
    env = bench.environment()
    stream = env.from_collection([0, 1, 2]).keyby(lambda x: [None, 0, "k"][x])

    got = bench.collect(_away(stream.map(_KeyAndPath)))

    expect_equal([key for key, _ in got], [None, 0, "k"], "the keys")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
