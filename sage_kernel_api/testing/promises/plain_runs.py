"""Jobs of steps written by hand, run to their end, for the promises about their lives.

Layer: testing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.runnable import Runnable
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.plain_pipelines import PlainSource, PlainStep, edge, pipeline, step
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import JobState, JobStatus, Payload

__all__ = ["Make", "Note", "ended", "finish", "giving", "noted", "run", "sending", "taking"]

Make: TypeAlias = Callable[[ExecutionContext], Runnable]
Note: TypeAlias = Callable[[str], object]


def giving(*records: Payload) -> Make:
    """Return what makes a source of these records."""

    def make(context: ExecutionContext) -> Runnable:
        return PlainSource(context, records)

    make.kind = "source"  # type: ignore[attr-defined]  # as a class of steps has it
    return make


def taking(take: Callable[[Payload], object]) -> Make:
    """Return what makes a step that hands its records to *take*."""

    class Takes(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            take(data)

    return Takes


def noted(name: str, note: Note) -> Make:
    """Return a step that notes its calls."""

    class Noted(PlainStep):
        def __init__(self, context: ExecutionContext) -> None:
            super().__init__(context)
            note(f"{name} made")

        def open(self) -> None:
            note(f"{name} open")

        def process(self, data: Payload, input_index: int = 0) -> None:
            note(f"{name} process {data!r}")

        def finish(self) -> None:
            note(f"{name} finish")

        def close(self) -> None:
            note(f"{name} close")

    return Noted


def sending(name: str, note: Note) -> Make:
    """Return a step that notes its calls and hands its records on."""

    class Sending(PlainStep):
        def open(self) -> None:
            note(f"{name} open")

        def process(self, data: Payload, input_index: int = 0) -> None:
            note(f"{name} process {data!r}")
            self.context.send_data(data)

        def finish(self) -> None:
            note(f"{name} finish")

        def close(self) -> None:
            note(f"{name} close")

    return Sending


def run(bench: Workbench, *makers: Make) -> JobStatus:
    """Run a chain of steps; the first one is a source."""
    steps = [
        step(str(number), make, *([edge(str(number - 1))] if number else []))
        for number, make in enumerate(makers)
    ]
    return bench.wait(bench.jobs.submit_job(pipeline(*steps)))


def finish(bench: Workbench, *makers: Make) -> None:
    """Run a chain of steps; raise what failed it."""
    ended(bench, run(bench, *makers))


def ended(bench: Workbench, status: JobStatus) -> None:
    """Expect that the job finished; raise what failed it."""
    if error := status.get("exception"):
        raise error
    expect_equal(status["state"], JobState.FINISHED, "the state")
