"""Cancelling, whatever the job is doing: soon, and everything is closed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sage_kernel_api import BaseService, LocalEnvironment, MapFunction, SourceFunction
from sage_kernel_api.errors import LeakedTaskError
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from tests.helpers import no_leaks

WAIT_S = 60.0
SOON_S = 2.0
PATIENCE_S = 8.0
"""For the machine of a test run, which does other things too; `SOON_S` is the promise (R11)."""


class Scene:
    """One state of a job to be cancelled in, and how a test learns that it is reached."""

    def __init__(self, kernel: DefaultKernelFacade, folder: Path) -> None:
        self.env = LocalEnvironment("cancelled", kernel=kernel)
        self.reached = threading.Event()
        self.released = threading.Event()
        self.folder = folder

    def hang(self) -> None:
        """Be user code that blocks."""
        self.reached.set()
        self.released.wait(WAIT_S)

    def wait_for_file(self) -> None:
        """Learn of another process that it is there."""
        end_s = time.monotonic() + WAIT_S
        while not (self.folder / "reached").exists():
            assert time.monotonic() < end_s
            time.sleep(0.005)


class Endless(SourceFunction[int]):
    def execute(self) -> int:
        return 1


class Idle(SourceFunction[int]):
    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def execute(self) -> int | None:
        self.scene.reached.set()
        return None


class Hangs(MapFunction[int, int]):
    def __init__(self, scene: Scene, where: str) -> None:
        self.scene = scene
        self.where = where

    def open(self) -> None:
        if self.where == "open":
            self.scene.hang()

    def execute(self, data: int) -> int:
        if self.where == "execute":
            self.scene.hang()
        return data

    def close(self) -> None:
        if self.where == "close":
            self.scene.hang()


class HangsThere(MapFunction[int, int]):
    """The same in another process, where the test's events are not."""

    def __init__(self, folder: str, where: str) -> None:
        self.folder = folder
        self.where = where

    def open(self) -> None:
        if self.where == "open":
            self._hang()

    def execute(self, data: int) -> int:
        if self.where == "execute":
            self._hang()
        return data

    def close(self) -> None:
        if self.where == "close":
            self._hang()

    def _hang(self) -> None:
        Path(self.folder, "reached").touch()
        time.sleep(10 * WAIT_S)


class StuckService(BaseService):
    def __init__(self, scene: Scene, where: str) -> None:
        self.scene = scene
        self.where = where

    def setup(self) -> None:
        if self.where == "setup":
            self.scene.hang()

    def ask(self) -> int:
        self.scene.hang()
        return 1

    def stop(self) -> None:
        if self.where == "stop":
            self.scene.released.wait(WAIT_S)


class Asks(MapFunction[int, int]):
    def execute(self, data: int) -> int:
        answer: int = self.call_service("stuck", "ask")
        return answer


def running(scene: Scene) -> None:
    scene.env.from_source(Endless).rebalance().map(lambda n: n, parallelism=2).sink(
        lambda _: scene.reached.set()
    )
    scene.env.submit()


def idle(scene: Scene) -> None:
    scene.env.from_source(Idle, scene, delay=3600.0).rebalance().sink(lambda _: None, parallelism=2)
    scene.env.submit()


def paused(scene: Scene) -> None:
    running(scene)
    assert scene.reached.wait(WAIT_S)
    scene.env.jobmanager.pause_job(scene.env.uuid or "")


def finished_but_closing(scene: Scene) -> None:
    scene.env.from_collection([1]).map(Hangs, scene, "close").sink(lambda _: None)
    scene.env.submit()


def opening(scene: Scene) -> None:
    scene.env.from_collection([1]).map(Hangs, scene, "open").sink(lambda _: None)
    scene.env.submit()


def working(scene: Scene) -> None:
    scene.env.from_collection([1]).map(Hangs, scene, "execute").sink(lambda _: None)
    scene.env.submit()


def held_up(scene: Scene) -> None:
    """The source waits for room, because the sink, which looks whether to stop, holds it up."""
    env = scene.env

    class Slow(MapFunction[int, int]):
        def execute(self, data: int) -> int:
            while not self.ctx.should_stop():
                if env.status()["steps"]["flatmap"].get("queue_depth") == 0:
                    scene.reached.set()
                time.sleep(0.005)
            return data

    env.from_source(Endless).flatmap(lambda _: range(10_000)).rebalance().map(
        Slow, parallelism=2
    ).sink(lambda _: None, parallelism=2)
    env.submit()


def starting(scene: Scene) -> None:
    scene.env.register_service("stuck", StuckService, scene, "setup")
    scene.env.from_collection([1]).sink(lambda _: None)
    scene.env.submit()


def asking(scene: Scene) -> None:
    scene.env.register_service("stuck", StuckService, scene, "ask")
    scene.env.from_collection([1]).map(Asks).sink(lambda _: None)
    scene.env.submit()


def stuck_at_its_stop(scene: Scene) -> None:
    scene.env.register_service("stuck", StuckService, scene, "stop")
    running(scene)


def spread(scene: Scene) -> None:
    scene.env.from_source(Endless).map(lambda n: n, parallelism=2).set_placement("process").sink(
        lambda _: scene.reached.set()
    )
    scene.env.submit()


def _there(scene: Scene, where: str) -> None:
    scene.env.from_collection([1]).map(HangsThere, str(scene.folder), where).set_placement(
        "process"
    ).sink(lambda _: None)
    scene.env.submit()
    scene.wait_for_file()
    scene.reached.set()


def opening_there(scene: Scene) -> None:
    _there(scene, "open")


def working_there(scene: Scene) -> None:
    _there(scene, "execute")


def closing_there(scene: Scene) -> None:
    _there(scene, "close")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with no_leaks():
        kernel = DefaultKernelFacade(
            DefaultOptions(processes=2, channel_capacity=8, frame_size=4, stop_timeout=0.5)
        )
        scene = Scene(kernel, tmp_path)
        yield scene
        scene.released.set()
        kernel.shutdown()
        _await_abandoned()


def _await_abandoned() -> None:
    """Let threads end that a test has held: they are the test's, not the kernel's."""
    for thread in threading.enumerate():
        if thread.name.startswith(("task-", "service-")):
            thread.join(WAIT_S)


@pytest.mark.parametrize(
    "begin",
    [running, idle, paused, held_up, spread, opening_there, working_there, closing_there],
)
def test_r11_a_job_is_cancelled_soon_in_every_state(
    scene: Scene, begin: Callable[[Scene], None]
) -> None:
    """Ctrl-C must work, whatever goes on; code in another process cannot resist."""
    begin(scene)
    assert scene.reached.wait(WAIT_S)
    begun_s = time.monotonic()

    assert scene.env.cancel()

    assert time.monotonic() - begun_s < PATIENCE_S
    assert scene.env.status()["state"] is JobState.CANCELLED


@pytest.mark.parametrize(
    ("begin", "who"),
    [
        (opening, "step 'Hangs'"),
        (working, "step 'Hangs'"),
        (finished_but_closing, "step 'Hangs'"),
        (starting, "service 'stuck'"),
    ],
)
def test_r11_code_that_does_not_return_is_abandoned_and_named(
    scene: Scene, begin: Callable[[Scene], None], who: str
) -> None:
    """No thread can be ended by force: so the user learns which code holds it."""
    begin(scene)
    assert scene.reached.wait(WAIT_S)
    begun_s = time.monotonic()

    with pytest.raises(LeakedTaskError, match=who):
        scene.env.cancel()

    assert time.monotonic() - begun_s < PATIENCE_S
    assert scene.env.status()["state"] is JobState.CANCELLED


@pytest.mark.parametrize("begin", [asking, stuck_at_its_stop])
def test_r11_a_stuck_service_holds_no_job(scene: Scene, begin: Callable[[Scene], None]) -> None:
    """Its callers are freed, and its own end is not waited for."""
    begin(scene)
    assert scene.reached.wait(WAIT_S)
    begun_s = time.monotonic()

    # Who asks it may be freed by its end, or not come back in time; both ways the job is over.
    with contextlib.suppress(LeakedTaskError):
        scene.env.cancel()

    assert time.monotonic() - begun_s < PATIENCE_S
    assert scene.env.status()["state"] is JobState.CANCELLED
