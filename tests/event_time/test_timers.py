"""Timers of process functions: when they fire, in which order, for which key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sage_kernel_api import (
    ContextError,
    LocalEnvironment,
    PipelineError,
    ProcessFunction,
    ProcessOutput,
    StepError,
    StopSignal,
    Timer,
    ValueState,
)
from sage_kernel_api.core.functions import SourceFunction

Event = tuple[str, float]


def _run(
    env: LocalEnvironment, events: list[Event], function: Any, bound_s: float = 0
) -> list[Any]:
    timed = env.from_collection(events).assign_timestamps(lambda event: event[1], bound_s)
    result: list[Any] = timed.keyby(lambda event: event[0]).process(function).collect()
    return result


class Remind(ProcessFunction[Event, Any]):
    """Registers one timer ten seconds after each record."""

    def process(self, value: Event, out: ProcessOutput[Any]) -> None:
        at = self.timers.event_time_us
        assert at is not None
        assert at == value[1] * 1_000_000
        self.timers.register_event_time(at + 10_000_000)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        out.collect((self.ctx.get_key(), timer.time_us // 1_000_000, timer.domain))


def test_timers_fire_by_time_then_by_registration(env: LocalEnvironment) -> None:
    """The order is documented, and downstream code relies on it."""
    events = [("b", 3.0), ("a", 1.0), ("a", 3.0), ("c", 2.0)]

    fired = _run(env, events, Remind, bound_s=5)

    assert fired == [("a", 11, "event"), ("c", 12, "event"), ("b", 13, "event"), ("a", 13, "event")]


def test_one_key_and_time_have_one_timer(env: LocalEnvironment) -> None:
    """Two records at one time must not send two reminders."""
    assert _run(env, [("a", 1.0), ("a", 1.0)], Remind) == [("a", 11, "event")]


class Cancel(Remind):
    """A record at an odd second deletes the timer of the record before it."""

    def process(self, value: Event, out: ProcessOutput[Any]) -> None:
        if value[1] % 2:
            self.timers.delete_event_time(int(value[1] + 9) * 1_000_000)
            self.timers.delete_event_time(datetime(2999, 1, 1, tzinfo=UTC))
        else:
            super().process(value, out)


def test_a_deleted_timer_does_not_fire(env: LocalEnvironment) -> None:
    """An answer that came in time must not be reported as missing; other keys are not touched."""
    events = [("a", 2.0), ("b", 2.0), ("a", 3.0)]

    assert _run(env, events, Cancel) == [("b", 12, "event")]


class Chain(ProcessFunction[Event, Any]):
    """Counts its own firings in keyed state, and registers again until three."""

    fired = ValueState(0)

    def process(self, value: Event, out: ProcessOutput[Any]) -> None:
        self.timers.register_event_time(0)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        self.fired.set(self.fired.get() + 1)
        out.collect((self.ctx.get_key(), self.fired.get(), timer.time.second))
        if self.fired.get() < 3:
            self.timers.register_event_time(datetime.fromtimestamp(self.fired.get(), UTC))


def test_a_timer_sees_the_state_of_its_key_and_may_register_again(env: LocalEnvironment) -> None:
    """State under a wrong key would mix customers up."""
    fired = _run(env, [("a", 100.0), ("b", 100.0)], Chain)

    assert [each for each in fired if each[0] == "a"] == [("a", 1, 0), ("a", 2, 1), ("a", 3, 2)]
    assert [each for each in fired if each[0] == "b"] == [("b", 1, 0), ("b", 2, 1), ("b", 3, 2)]


class Watermarks(ProcessFunction[Event, int]):
    def process(self, value: Event, out: ProcessOutput[int]) -> None:
        self.timers.register_event_time(int(value[1] * 1_000_000))

    def on_timer(self, timer: Timer, out: ProcessOutput[int]) -> None:
        assert self.timers.event_time_us == timer.time_us
        out.collect(self.timers.watermark_us - timer.time_us)


def test_a_timer_fires_once_the_watermark_has_reached_its_time(env: LocalEnvironment) -> None:
    """Never before: results would miss records. What is left fires at the end of the input."""
    lags = _run(env, [("a", 1.0), ("a", 2.0), ("a", 3.5)], Watermarks)

    assert all(lag >= 0 for lag in lags)
    assert len(lags) == 3
    assert lags[-1] == 2**63 - 1 - 3_500_000


class Pause(SourceFunction[str]):
    """Gives one record, then nothing for a while."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def execute(self) -> str | StopSignal | None:
        self.looks -= 1
        if self.looks > 100:
            return "a"
        return None if self.looks else StopSignal("over")


class Timeout(ProcessFunction[str, Any]):
    def process(self, value: str, out: ProcessOutput[Any]) -> None:
        now_us = self.timers.processing_time_us
        self.timers.register_processing_time(now_us + 30_000)
        self.timers.register_processing_time(now_us + 20_000)
        self.timers.register_processing_time(now_us + 25_000)
        self.timers.delete_processing_time(now_us + 25_000)
        self.timers.register_processing_time(now_us + 10**12)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        out.collect((self.ctx.get_key(), timer.domain))
        if timer.domain == "processing":
            assert self.timers.processing_time_us >= timer.time_us
            self.timers.register_event_time(0)


def test_timers_of_the_clock_fire_while_the_source_has_nothing(env: LocalEnvironment) -> None:
    """A timeout is for the case that nothing comes. Those far in the future end with the job."""
    stream = env.from_source(Pause, 102, delay=0.005).keyby(lambda word: word)

    fired = stream.process(Timeout).collect()

    assert fired == [("a", "processing"), ("a", "processing"), ("a", "event")]


class Fails(Remind):
    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        raise ValueError("too late")


def test_a_failing_timer_fails_the_job_and_names_the_step(env: LocalEnvironment) -> None:
    """There is no record that a policy could skip: silence would lose results."""
    with pytest.raises(Exception, match="too late") as caught:
        _run(env, [("a", 1.0)], Fails)

    error: BaseException | None = caught.value
    while error is not None and not isinstance(error, StepError):
        error = error.__cause__ or error.__context__
    assert "Fails" in str(error or caught.value)


def test_timers_need_keys(env: LocalEnvironment) -> None:
    """Timers are kept by key; without one the mistake is told before anything runs."""
    env.from_collection(["a"]).process(Remind).sink(print)  # type: ignore[arg-type]  # runs nothing

    with pytest.raises(PipelineError, match=r"keeps state by key \(timers\)"):
        env.submit()


class NoTimer(ProcessFunction[str, str]):
    def process(self, value: str, out: ProcessOutput[str]) -> None:
        self.timers.register_event_time(1)


def test_a_function_without_on_timer_has_no_timers(env: LocalEnvironment) -> None:
    """A timer that calls nothing would be a silent mistake."""
    with pytest.raises(ContextError, match="does not define on_timer"):
        NoTimer().timers  # noqa: B018 - looking is what raises


@pytest.mark.parametrize("when", [1.5, "soon", True, None])
def test_a_timer_takes_microseconds_or_a_datetime(env: LocalEnvironment, when: Any) -> None:
    """Seconds given by mistake would fire a million times too early."""

    class Wrong(Remind):
        def process(self, value: Event, out: ProcessOutput[Any]) -> None:
            self.timers.register_event_time(when)

    with pytest.raises(Exception, match="whole number of microseconds"):
        _run(env, [("a", 1.0)], Wrong)
