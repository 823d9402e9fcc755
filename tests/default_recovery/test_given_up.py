"""Checkpoints that are given up: the job goes on at once, and nothing of them is lost."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import pytest

from sage_kernel_api import (
    LocalEnvironment,
    MapFunction,
    SourceFunction,
    StopSignal,
    ValueState,
)
from sage_kernel_api.errors import CheckpointError
from tests.default_recovery.conftest import Place
from tests.default_recovery.pipelines import Gate, Last, reset

_KEYS = 500


class _Hung(SourceFunction[int]):
    """Does not come back from its first record until it is let go."""

    entered: ClassVar[threading.Event] = threading.Event()
    let_go: ClassVar[threading.Event] = threading.Event()

    def execute(self) -> StopSignal:
        self.entered.set()
        self.let_go.wait(30)
        return StopSignal("end")


class _Door(MapFunction[tuple[int, int], tuple[int, int]]):
    """Waits at one record until the test opens it."""

    entered: ClassVar[threading.Event] = threading.Event()
    let_go: ClassVar[threading.Event] = threading.Event()

    def execute(self, data: tuple[int, int]) -> tuple[int, int]:
        if data == (250, 0):
            self.entered.set()
            self.let_go.wait(30)
        return data


class _Turns(MapFunction[tuple[int, int], tuple[int, int]]):
    """Numbers the records of each key that come back over the loop."""

    turns = ValueState(0)

    def execute(self, data: tuple[int, int]) -> tuple[int, int]:
        self.turns.set(self.turns.get() + 1)
        return data[0], self.turns.get()


class _Passed(MapFunction[int, int]):
    """Runs in a lane of its own."""

    def execute(self, data: int) -> int:
        return data


@pytest.fixture(autouse=True)
def _forget() -> None:
    reset()
    for event in (_Hung.entered, _Hung.let_go, _Door.entered, _Door.let_go):
        event.clear()


@pytest.mark.parametrize("placement", ["kernel", "process"])
def test_a_hanging_input_holds_the_others_back_no_longer_than_its_checkpoint(
    place: Place, placement: Any
) -> None:
    """One source that hangs for an hour would stop the results of all others as long."""
    seen: list[int] = []
    later = threading.Event()

    def see(number: int) -> None:
        seen.append(number)
        if number == 299:
            later.set()

    env = place.env()
    env.enable_checkpointing(3600.0, "/state", timeout_s=0.5)
    both: Any = env.from_source(Gate, 1000).connect(env.from_source(_Hung))
    both.map(_Passed).set_placement(placement).sink(see)
    Gate.limit = 100
    env.submit()
    assert _Hung.entered.wait(20)
    assert Gate.reached.wait(20)

    with pytest.raises(CheckpointError, match=r"no snapshot came from .*_Hung.* in time"):
        env.checkpoint(20)
    Gate.limit = 300
    has_gone_on = later.wait(20)
    _Hung.let_go.set()
    env.checkpoint(20)
    Gate.limit = 1000
    status: Any = env.wait(20)

    assert has_gone_on
    assert sorted(seen) == list(range(1000))
    assert status["checkpoints"]["failed"] == 1


def test_changes_inside_of_a_loop_that_hangs_are_in_a_later_checkpoint(place: Place) -> None:
    """They are told once; without them, keys that do not come again would begin from zero."""
    first = place.env()
    first.enable_checkpointing(3600.0, "/state", timeout_s=0.5)
    _turning(first)
    Gate.limit = 251  # nothing behind it that would keep barriers from coming to the loop
    first.submit()
    assert _Door.entered.wait(20)
    assert Gate.reached.wait(20)

    for _ in range(2):
        with pytest.raises(CheckpointError, match=r"no snapshot came from .*_Door.* in time"):
            first.checkpoint(20)
    _Door.let_go.set()
    Gate.reached.clear()
    Gate.limit = 400
    assert Gate.reached.wait(20)
    first.checkpoint(20)
    first.close()
    second = place.env()
    _turning(second)
    Gate.limit = 2 * _KEYS
    second.submit(autostop=True)

    assert Gate.starts == [0, 400]
    assert Last.found == dict.fromkeys(range(_KEYS), 2)


def _turning(env: LocalEnvironment) -> None:
    back: Any = env.from_future("back")
    turned = back.keyby(lambda r: r[0]).map(_Turns)
    new: Any = env.from_source(Gate, 2 * _KEYS).map(lambda n: (n % _KEYS, 0))
    all_ = new.connect(turned).map(_Door, parallelism=2)
    all_.filter(lambda r: r[1] == 0).fill_future(back)
    all_.filter(lambda r: r[1] > 0).sink(Last)
