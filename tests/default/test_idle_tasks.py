"""Tasks that wait for input wait for the right thing, and end when their job does."""

from __future__ import annotations

import threading

import pytest

from sage_kernel_api import LocalEnvironment, MapFunction, SourceFunction
from sage_kernel_api.errors import JobFailedError
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from tests.helpers import no_leaks

WAIT_S = 30.0


class OneRecord(SourceFunction[int]):
    """Gives one record, and then nothing, but does not end."""

    def __init__(self) -> None:
        super().__init__()
        self._has_given = False

    def execute(self) -> int | None:
        if self._has_given:
            return None
        self._has_given = True
        return 1


class Stubborn(MapFunction[int, int]):
    """Sends on and on, and takes no failure of sending seriously."""

    closed = threading.Event()

    def execute(self, data: int) -> int:
        try:
            for number in range(100_000):
                self.ctx.send_data(number)
        except Exception:  # noqa: BLE001, S110 - what this test is about
            pass
        return data

    def close(self) -> None:
        self.closed.set()


def fail_at_100(data: int) -> None:
    if data == 100:
        raise ValueError("a hundred")


def test_a_step_that_ignores_the_end_of_its_job_is_closed_even_so() -> None:
    """It heard the ring of the end while it waited for room, and then must not wait for another."""
    Stubborn.closed.clear()
    with no_leaks():
        kernel = DefaultKernelFacade(DefaultOptions(frame_size=16, channel_capacity=32))
        env = LocalEnvironment("stubborn", kernel=kernel)
        env.from_source(OneRecord).map(Stubborn, parallelism=2).sink(fail_at_100)

        with pytest.raises(JobFailedError, match="a hundred"):
            env.submit(autostop=True)
        kernel.shutdown()

    assert Stubborn.closed.is_set()


def test_a_step_behind_which_there_is_no_room_is_shown_as_blocked() -> None:
    """Whoever looks for the slow step of a job follows the blocked ones downstream."""
    kernel = DefaultKernelFacade(DefaultOptions(frame_size=1, channel_capacity=1))
    env = LocalEnvironment("blocked", kernel=kernel)
    pause = threading.Event()

    def wait(_: int) -> None:
        pause.wait(0.02)

    numbers = env.from_collection(range(20))
    numbers.map(abs, parallelism=2, name="middle").sink(wait, name="slow")
    job_id = env.submit()
    status = env.wait()
    assert status["job_id"] == job_id
    times = status["steps"]["middle"]
    kernel.shutdown()

    assert times.get("blocked_s", 0.0) > 10 * times.get("idle_s", 0.0)
