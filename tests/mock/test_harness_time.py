"""Event time, watermarks and timers of one step under test."""

from __future__ import annotations

import pytest

from sage_kernel_api import ProcessFunction, ProcessOutput, Timer, TumblingTimeWindows
from sage_kernel_api.testing.script import ABORT, EOF, PAUSE, WATERMARK, ScriptAbortError
from sage_kernel_mock import StepHarness


class Silence(ProcessFunction[str, str]):
    """Tells at which time a key was silent, by both clocks."""

    def process(self, value: str, out: ProcessOutput[str]) -> None:
        assert self.timers.event_time_us is not None
        self.timers.register_event_time(self.timers.event_time_us + 60_000_000)
        self.timers.register_processing_time(self.timers.processing_time_us + 10_000_000)

    def on_timer(self, timer: Timer, out: ProcessOutput[str]) -> None:
        out.collect(f"{self.ctx.get_key()} {timer.domain} {timer.time_us // 1_000_000}")


def test_timers_fire_as_the_watermark_and_the_clock_move() -> None:
    """Nobody can wait for real timers in a test."""
    with StepHarness(Silence) as step:
        step.push("x", key="a", at=100)
        step.push("y", key="b", at=130)
        step.advance_watermark(159)
        assert step.outputs == []
        step.advance_watermark(165)
        assert step.outputs == ["a event 160"]
        step.advance_processing_time(9.5)
        assert step.take_outputs() == ["a event 160"]
        step.advance_processing_time(1)
        assert sorted(step.take_outputs()) == ["a processing 10", "b processing 10"]
        step.finish()

    assert step.outputs == ["b event 190"]


def test_a_window_closes_with_the_watermark() -> None:
    """Windows are steps like others, and are tested like them."""
    step = StepHarness[int, int].of(
        lambda stream: stream.window(TumblingTimeWindows(10)).reduce(lambda a, b: a + b)
    )
    with step:
        step.push(1, key="a", at=1)
        step.push(2, key="a", at=9)
        step.push(5, key="a", at=11)
        step.advance_watermark(10)

        assert step.keyed_outputs == [("a", 3)]


def test_a_script_is_played_into_a_step() -> None:
    """The same script, against one step and against the whole pipeline."""
    with StepHarness(Silence) as step:
        step.play("x", WATERMARK(165), PAUSE(11), EOF, "never", key="a", time_of=lambda _: 100)

    assert step.outputs == ["a event 160", "a processing 10"]
    assert step.metrics["records_in"] == 1


def test_a_script_aborts_behind_what_came_before() -> None:
    """What a failing source leaves behind can be looked at."""
    step = StepHarness[str, str].map(str.upper)
    with step, pytest.raises(ScriptAbortError, match="entry 1"):
        step.play("a", ABORT, "b")

    assert step.outputs == ["A"]
