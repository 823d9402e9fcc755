"""Jobs that a test holds, fails and starts again, and what must come of them.

Layer: testing. One `Tape` is read by all attempts and all kernels of a test, and remembers them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sage_kernel_api.core.functions import (
    MapFunction,
    SourceFunction,
    ValueState,
)
from sage_kernel_api.core.restart_strategies import FixedDelay
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import JobId, JobState, JobStatus, StopSignal

__all__ = [
    "END",
    "HELD",
    "Count",
    "Tape",
    "TapeSource",
    "counted",
    "counting",
    "crash_at",
    "durable",
    "expect_counted",
    "finish",
    "modulo_7",
    "run_to",
    "take_checkpoint",
]


NEVER_S: Final = 3_600.0


END: Final = 100


HELD: Final = 40
"""Where tests hold the job, to take a checkpoint."""


class Tape:
    """The numbers from 0, as far as the test lets them be read.

    Attributes:
        end: How many there are.
        limit: How many may be read now.
        reached: Set when a source has come to the limit.
        starts: Where each attempt began to read.
        traps: Numbers on which a `Trap` fails, once for each time that they stand here.
    """

    def __init__(self, end: int = END) -> None:
        self.end = end
        self.limit: int = 0
        self.reached: threading.Event = threading.Event()
        self.starts: list[int] = []
        self.traps: list[int] = []

    def let(self, limit: int) -> None:
        """Let sources read as far as *limit*."""
        self.reached.clear()
        self.limit = limit

    def read(self, position: int) -> int | StopSignal | None:
        """Return what stands at *position*."""
        if position >= self.end:
            return StopSignal()
        if position >= self.limit:
            self.reached.set()
            return None
        return position


class TapeSource(SourceFunction[int]):
    """Reads a tape, and can tell its position."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.next: int = 0

    def tell(self) -> int:
        """Return the position."""
        return self.next

    def seek(self, position: int) -> None:
        """Go on behind a position."""
        self.next = position

    def open(self) -> None:
        """Note where this attempt begins."""
        self.tape.starts.append(self.next)

    def execute(self) -> int | StopSignal | None:
        """Return the next number."""
        found = self.tape.read(self.next)
        self.next += isinstance(found, int)
        return found


class Trap(MapFunction[int, int]):
    """Fails where the tape says so."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape

    def execute(self, data: int) -> int:
        """Hand the number on, or fail."""
        if data in self.tape.traps:
            self.tape.traps.remove(data)
            raise RuntimeError(f"trap at {data}")
        return data


class Count(MapFunction[int, tuple[int, int]]):
    """Numbers the records of each key."""

    seen: ValueState[int] = ValueState(0)

    def execute(self, data: int) -> tuple[int, int]:
        """Return the number and how many of its key there were."""
        self.seen.set(self.seen.get() + 1)
        return data, self.seen.get()


def modulo_7(number: int) -> int:
    """Return the key of a number."""
    return number % 7


def durable(
    bench: Workbench, directory: str = "checkpoints", restarts: int = 0, **settings: Any
) -> Env:
    """Return an environment whose checkpoints are taken by hand.

    Args:
        bench: Of the test.
        directory: Name of the folder for checkpoints, in that of the test.
        restarts: How often a failed job runs again, at once.
        settings: More for `enable_checkpointing`.
    """
    env = bench.environment("durable")
    env.enable_checkpointing(NEVER_S, bench.folder / directory, **settings)
    if restarts:
        env.set_restart_strategy(FixedDelay(restarts, 0.0))
    return env


def numbers_of(env: Env, tape: Tape) -> DataStream[int]:
    """Return the stream of a tape's numbers, with its traps."""
    stream: DataStream[int] = env.from_source(TapeSource, tape, uid="numbers")
    return stream.map(Trap, tape, name="trap")


def counting(env: Env, tape: Tape, found: list[Any], parallelism: int = 1) -> Env:
    """Describe the job that counts the numbers of a tape by key."""
    keyed = numbers_of(env, tape).keyby(modulo_7)
    counts = keyed.map(Count, uid="counts", parallelism=parallelism)
    counts.sink(found.append, parallelism=1, name="found")
    return env


def run_to(bench: Workbench, env: Env, tape: Tape, limit: int, **options: Any) -> JobId:
    """Start the job, and let it read as far as *limit*."""
    tape.let(limit)
    job_id = env.submit(**options)
    bench.await_event(tape.reached, f"the source has read {limit} numbers")
    return job_id


def take_checkpoint(bench: Workbench, job_id: JobId) -> int:
    """Take a checkpoint, and return its epoch."""
    checkpoint = bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s)
    listed = bench.checkpoints.list_checkpoints(job_id)
    epochs = [one["epoch"] for one in listed if one["checkpoint_id"] == checkpoint]
    expect_equal(len(epochs), 1, "how often the new checkpoint is listed")
    return epochs[0]


def finish(bench: Workbench, env: Env, tape: Tape, **options: Any) -> JobStatus:
    """Let the job read to the end, start it if it does not run, and wait until it has finished."""
    tape.let(tape.end)
    job_id = env.uuid if env.is_running and not options else env.submit(**options)
    expect(job_id is not None, "the environment does not know its job")
    status = bench.wait(JobId(str(job_id)))
    expect_equal(
        (status["state"], status.get("exception")), (JobState.FINISHED, None), "how the job ended"
    )
    return status


def crash_at(bench: Workbench, build: Callable[[Tape, list[Any]], Any], held: int = HELD) -> Any:
    """Run a job to a checkpoint, and again in a new kernel to its end.

    Returns:
        The tape, what came out before the crash, and what came out after it.
    """
    tape, before, after = Tape(), list[Any](), list[Any]()
    job_id = run_to(bench, build(tape, before), tape, held)
    take_checkpoint(bench, job_id)
    bench.start_again()
    finish(bench, build(tape, after), tape)
    return tape, before, after


def counted(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return what `Count` makes of numbers that are read from 0 on."""
    return [(number, number // 7 + 1) for number in numbers]


def expect_counted(found: Sequence[tuple[int, int]], *parts: range) -> None:
    """Expect the counts of these parts of the tape: nothing else, and nothing more often.

    With parallel instances records of different keys come in any order, so order is not looked at.
    """
    wanted = [one for part in parts for one in counted(part)]
    expect_equal(sorted(found), sorted(wanted), "numbers and their counts, sorted")
