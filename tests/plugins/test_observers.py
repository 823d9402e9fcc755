"""Observers watch kernels and disturb nobody."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sage_kernel_api.errors import KernelContractError
from sage_kernel_api.plugins import (
    add_observer,
    hookimpl,
    notify_checkpoint_completed,
    notify_job_status,
    notify_kernel_started,
    notify_kernel_stopped,
    observers,
    remove_observer,
)
from sage_kernel_api.values import CheckpointId, JobId, JobState, JobStatus
from tests.plugins.fake_kernel import add_distribution


class Watcher:
    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl
    def sage_kernel_started(self, kernel_name: str) -> None:
        self.seen.append(f"{kernel_name} started")

    @hookimpl
    def sage_job_status(self, status: dict[str, object]) -> None:
        self.seen.append(f"{status['job_id']} {status['state']}")

    @hookimpl
    def sage_checkpoint_completed(self, checkpoint: dict[str, object]) -> None:
        self.seen.append(f"checkpoint {checkpoint['checkpoint_id']}")

    @hookimpl
    def sage_kernel_stopped(self, kernel_name: str) -> None:
        self.seen.append(f"{kernel_name} stopped")


class Angry:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    @hookimpl
    def sage_kernel_stopped(self) -> None:
        raise self.error


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    one = Watcher()
    add_observer(one)
    yield one
    remove_observer(one)


def test_an_observer_sees_the_whole_life(watcher: Watcher) -> None:
    """A dashboard must miss nothing."""
    add_observer(watcher)

    notify_kernel_started("k")
    notify_job_status(
        "k", {"job_id": JobId("j"), "name": "", "state": JobState.RUNNING, "steps": {}, "edges": []}
    )
    notify_checkpoint_completed(
        "k",
        {
            "checkpoint_id": CheckpointId("c"),
            "job_id": JobId("j"),
            "epoch": 1,
            "size_bytes": 0,
            "completed_at_s": 0.0,
        },
    )
    notify_kernel_stopped("k")

    assert watcher.seen == ["k started", "j running", "checkpoint c", "k stopped"]


def test_a_status_is_looked_at_only_if_somebody_is_told(watcher: Watcher) -> None:
    """Each move of a job would pay for a look at all its counters, which nobody wants."""
    looks: list[str] = []

    def look() -> JobStatus:
        looks.append("look")
        return JobStatus(
            job_id=JobId("j-1"), name="j", state=JobState.RUNNING, steps={}, edges=[], attempt=1
        )

    notify_job_status("mine", look)
    assert (looks, watcher.seen) == (["look"], ["j-1 running"])

    assert remove_observer(watcher)
    notify_job_status("mine", look)
    assert looks == ["look"]


@pytest.mark.parametrize("error", [ValueError("bad day"), SystemExit(1)])
def test_an_observer_that_raises_is_reported_and_the_next_is_called(
    watcher: Watcher, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken dashboard must not stop a job, nor another dashboard."""
    angry, second = Angry(error), Watcher()
    for observer in (angry, second):
        add_observer(observer)

    with caplog.at_level(logging.WARNING, "sage_kernel"):
        notify_kernel_stopped("k")

    assert [remove_observer(angry), remove_observer(second)] == [True, True]
    assert not remove_observer(second)
    assert (watcher.seen, second.seen) == (["k stopped"], ["k stopped"])
    assert "Observer Angry failed in sage_kernel_stopped" in caplog.text
    assert type(error).__name__ in caplog.text


def test_a_misspelt_observer_is_refused() -> None:
    """It would wait for ever for what is never called."""

    class Misspelt:
        @hookimpl
        def sage_job_state(self) -> None:
            """Never called."""

    with pytest.raises(KernelContractError, match="Did you mean 'sage_job_status'"):
        add_observer(Misspelt())
    with pytest.raises(KernelContractError, match="implements no hook"):
        add_observer(object())


def test_installed_observers_are_loaded_at_the_first_start_and_broken_ones_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Installing a dashboard must do; a broken one must not keep a kernel from starting."""
    (tmp_path / "good_observer_plugin.py").write_text(
        "from sage_kernel_api.plugins import hookimpl\nseen = []\n"
        "@hookimpl\ndef sage_kernel_started(kernel_name): seen.append(kernel_name)\n"
    )
    (tmp_path / "bad_observer_plugin.py").write_text("raise SystemExit(1)\n")
    text = "[sage_kernel.observers]\nbad = bad_observer_plugin\ngood = good_observer_plugin\n"
    add_distribution(tmp_path, "some-observers", text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(observers, "_OBSERVERS", observers._Observers())
    # Modules of another run in this process would have seen other kernels start.
    for module in ("good_observer_plugin", "bad_observer_plugin"):
        monkeypatch.delitem(sys.modules, module, raising=False)

    with caplog.at_level(logging.WARNING, "sage_kernel"):
        notify_kernel_started("first")
        notify_kernel_started("second")

    import good_observer_plugin  # type: ignore[import-not-found]

    assert good_observer_plugin.seen == ["first", "second"]
    assert "SystemExit" in caplog.text
