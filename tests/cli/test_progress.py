"""The progress lines of ``sage-kernel run``."""

from __future__ import annotations

import io

from sage_kernel_api.cli.progress import ProgressReporter, format_count
from sage_kernel_api.values import JobId, JobState, JobStatus, StepStatus


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def status(state: JobState = JobState.RUNNING, **counts: int) -> JobStatus:
    """A job whose steps took in that many records."""
    steps = {
        step: StepStatus(records_in=count, records_out=0, skipped=0, dead_lettered=0, retries=0)
        for step, count in counts.items()
    }
    return JobStatus(job_id=JobId("j"), name="count", state=state, steps=steps, edges=[])


def reporter(
    clock: Clock, *, is_terminal: bool, width: int = 200, is_quiet: bool = False
) -> tuple[ProgressReporter, io.StringIO]:
    stream = io.StringIO()
    made = ProgressReporter(
        stream, clock=clock, is_terminal=is_terminal, width=width, is_quiet=is_quiet
    )
    return made, stream


def test_a_terminal_sees_the_rates_since_the_last_look() -> None:
    """Whoever watches wants to know how fast it is now, not since the beginning."""
    clock = Clock()
    progress, stream = reporter(clock, is_terminal=True)

    clock.now_s += 1
    progress.show(status(read=1000))
    clock.now_s += 2
    progress.show(status(read=7000))

    first, second = stream.getvalue().split("\r\x1b[2K")[1:]
    assert first == "count: running 1.0s | read 1.00k (1.00k/s)"
    assert second == "count: running 3.0s | read 7.00k (3.00k/s)"


def test_a_live_line_never_wraps() -> None:
    """A wrapped line cannot be written over: the terminal would fill up."""
    clock = Clock()
    progress, stream = reporter(clock, is_terminal=True, width=20)

    progress.show(status(JobState.RUNNING, **{f"step{number}": 1 for number in range(50)}))

    assert len(stream.getvalue().removeprefix("\r\x1b[2K")) == 19


def test_a_log_file_gets_a_line_every_five_seconds() -> None:
    """CI logs would drown in five lines a second."""
    clock = Clock()
    progress, stream = reporter(clock, is_terminal=False)

    for _ in range(100):
        clock.now_s += 0.25
        progress.show(status(read=1))

    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert not any("\x1b" in line or "\r" in line for line in lines)


def test_the_last_line_has_the_rates_over_the_whole_time() -> None:
    """The last words of a run are what people copy into a report."""
    clock = Clock()
    progress, stream = reporter(clock, is_terminal=False)

    clock.now_s += 4
    progress.finish(status(JobState.FINISHED, read=8000, keep=2000))

    assert stream.getvalue() == (
        "count: finished 4.0s | read 8.00k (2.00k/s) | keep 2.00k (500/s)\n"
    )


def test_quiet_leaves_out_all_progress() -> None:
    """Scripts that keep standard error want to find errors in it."""
    clock = Clock()
    progress, stream = reporter(clock, is_terminal=False, is_quiet=True)

    clock.now_s += 60
    progress.show(status(read=1))
    progress.finish(status(JobState.FINISHED, read=1))

    assert stream.getvalue() == ""


def test_counts_keep_their_unit_at_the_edges() -> None:
    """`1000k` and `10.00k` are harder to compare than `1.00M` and `10.0k`."""
    shown = [format_count(count) for count in (0, 999, 1000, 9_994, 9_995, 99_949, 99_950, 999_499)]

    assert shown == ["0", "999", "1.00k", "9.99k", "10.0k", "99.9k", "100k", "999k"]
    assert format_count(999_500) == "1.00M"
    assert format_count(12_000_000_000_000) == "12000G"
