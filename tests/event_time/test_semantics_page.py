"""Every row of every table of ``docs/event-time.md``, as it stands there, on every kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sage_kernel_api
from sage_kernel_api import (
    LocalEnvironment,
    OutputTag,
    ProcessFunction,
    ProcessOutput,
    SourceFunction,
    StopSignal,
    Timer,
    TimeWindow,
)
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_default.engine.marks import Watermark
from sage_kernel_default.engine.watermarks import WatermarkMerge
from sage_kernel_mock.event_time import InputTimes, TimeMark

PAGE = Path(__file__).resolve().parents[2] / "docs" / "event-time.md"
BOUND_S = 1_000_000

Row = list[str]


def rows(table: str) -> list[Any]:
    """Return the rows of a table of the page, each named by its own text."""
    lines = PAGE.read_text(encoding="utf-8").split(f"<!-- table: {table} -->\n")[1].splitlines()
    found = []
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        found.append(pytest.param(cells, id=line.strip("| ").replace("|", "/")))
    assert found
    return found


def code(cell: str, **names: Any) -> Any:
    """Return what a cell's code stands for."""
    public = {name: getattr(sage_kernel_api, name) for name in sage_kernel_api.__all__}
    return eval(cell.strip("`"), {**public, "pair": pair, **names})


def seconds(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def show(us: int | None) -> str:
    return "none" if us is None else f"{us / 1_000_000:.6f}".rstrip("0").rstrip(".")


def show_window(window: TimeWindow, values: Iterable[float]) -> str:
    return f"`[{show(window.start_us)}, {show(window.end_us)})` {show_values(values)}"


def show_values(values: Iterable[float]) -> str:
    return " ".join(f"{value:.6f}".rstrip("0").rstrip(".") for value in values)


class OneByOne(SourceFunction[float]):
    """Gives its records one at a time, so that the watermark can move between any two."""

    def __init__(self, records: list[float]) -> None:
        self.records = iter(records)

    def execute(self) -> float | StopSignal | None:
        return next(self.records, StopSignal("over"))


def timed(env: LocalEnvironment, records: list[float], bound_s: float) -> Any:
    source = env.from_source(OneByOne, records, delay=1e-6)
    return source.assign_timestamps(lambda record: record, bound_s)


def everything(record: object) -> str:
    return "all"


@pytest.mark.parametrize("row", rows("windows"))
def test_which_window_a_record_is_in(env: LocalEnvironment, row: Row) -> None:
    """A record in the wrong window is a wrong number in somebody's report."""
    assigner, records, results = row

    keyed = timed(env, seconds(records), BOUND_S).keyby(everything)
    windows = keyed.window(code(assigner)).process(lambda _, w, v: [(w, v)]).collect()

    assert "; ".join(show_window(*each) for each in sorted(windows)) == results


@pytest.mark.parametrize("row", rows("counts"))
def test_what_windows_of_counts_give(env: LocalEnvironment, row: Row) -> None:
    """These need no times, and must not ask for any."""
    assigner, records, results = row

    keyed = env.from_collection(seconds(records)).keyby(everything)
    windows = keyed.window(code(assigner)).process(lambda _, w, v: [v]).collect()

    assert "; ".join(map(show_values, windows)) == results


class AtTheEnd(ProcessFunction[float, int]):
    """Tells, at a timer that waits for the clock, what the watermark was."""

    def process(self, value: float, out: ProcessOutput[int]) -> None:
        self.timers.register_processing_time(self.timers.processing_time_us)

    def on_timer(self, timer: Timer, out: ProcessOutput[int]) -> None:
        out.collect(self.timers.watermark_us)


class Lingers(OneByOne):
    """Ends only after it has had nothing for a few looks, so that timers of the clock fire."""

    looks = 3

    def execute(self) -> float | StopSignal | None:
        record = next(self.records, None)
        self.looks -= record is None
        return record if self.looks else StopSignal("over")


@pytest.mark.parametrize("row", rows("watermarks"))
def test_how_far_time_is_after_the_records(env: LocalEnvironment, row: Row) -> None:
    """One microsecond too far, and a record that is in time is thrown away."""
    bound, records, watermark = row

    source = env.from_source(Lingers, seconds(records), delay=1e-3)
    assigned = source.assign_timestamps(lambda record: record, float(bound))
    seen = assigned.keyby(everything).process(AtTheEnd).collect()

    assert [show(us) for us in seen[-1:]] == ([] if watermark == "none" else [watermark])


@pytest.mark.parametrize("row", rows("inputs"))
@pytest.mark.parametrize("kernel", ["mock", "default"])
def test_the_time_of_several_inputs(kernel: str, row: Row) -> None:
    """Whoever goes ahead of the slowest input loses its records."""
    events, watermark = row

    reached = list(_merged(kernel, events.split(", ")))

    assert show(reached[-1]) == watermark


def _merged(kernel: str, events: list[str]) -> Iterator[int | None]:
    """Yield the watermark after each event, by the rules of one kernel."""
    mock, default = InputTimes(), WatermarkMerge(2)
    times, reached = dict.fromkeys("AB", MIN_WATERMARK_US), MIN_WATERMARK_US
    for name in times:
        mock.expect(name)
    for name, what in (event.split() for event in events):
        is_idle, number = what == "idle", "AB".index(name)
        if what not in ("idle", "ended"):
            times[name] = int(what) * 1_000_000
        if kernel == "mock":
            # There an input that has ended is one that is idle for ever.
            merged: Any = mock.take(name, TimeMark(times[name], is_idle or what == "ended"))
        elif what == "ended":
            merged = default.end(number)
        else:
            merged = default.take(number, Watermark(times[name], is_idle))
        reached = merged.time_us if merged is not None else reached
        yield None if reached == MIN_WATERMARK_US else reached


@pytest.mark.parametrize("row", rows("lateness"))
def test_what_becomes_of_late_records(env: LocalEnvironment, row: Row) -> None:
    """Each is in a result or in the late output, never nowhere."""
    assigner, bound, lateness, records, results, late = row
    tag, given_up = OutputTag[float]("late"), list[float]()

    keyed = timed(env, seconds(records), float(bound)).keyby(everything)
    windows = keyed.window(code(assigner), allowed_lateness_s=float(lateness), late_output=tag)
    stream = windows.process(lambda _, w, v: [(w, v)])
    stream.get_side_output(tag).sink(given_up.append)
    shown = [show_window(*each) for each in stream.collect()]

    assert "; ".join(shown) == results
    assert show_values(given_up) == late


def pair(left: float | None, right: float | None) -> tuple[float | None, float | None]:
    return left, right


@pytest.mark.parametrize("row", rows("joins"))
def test_what_is_joined(env: LocalEnvironment, row: Row) -> None:
    """A pair too many or too few is a sale credited twice or not at all."""
    join, *sides, results = row

    left, right = (timed(env, seconds(side), BOUND_S).keyby(everything) for side in sides)
    stream = code(f"streams.{join.strip('`')}", streams=left.connect(right))
    shown = ["+".join("-" if x is None else show_values([x]) for x in p) for p in stream.collect()]

    assert sorted(shown) == sorted(results.split())
