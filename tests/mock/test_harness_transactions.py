"""Two-phase commit of one sink under test: the test is the coordinator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Never

import pytest

from sage_kernel_api import SinkFunction, TransactionalSinkFunction
from sage_kernel_api.errors import JobStateError, PipelineError
from sage_kernel_mock import StepHarness


class Ledger(TransactionalSinkFunction[str]):
    """Writes into a list that stands for another system."""

    def __init__(self, calls: list[str], visible: list[str]) -> None:
        super().__init__()
        self.calls = calls
        self.visible = visible
        self.open_ones: list[str] = []

    def recover(self, handles: Sequence[str]) -> None:
        self.calls.append(f"recover {list(handles)}")
        for handle in handles:
            self._show(handle)

    def begin(self) -> None:
        self.calls.append("begin")
        self.open_ones = []

    def execute(self, data: str) -> None:
        self.open_ones.append(data)

    def pre_commit(self, epoch: int) -> str | None:
        self.calls.append(f"pre_commit {epoch}")
        return "+".join(self.open_ones) or None

    def commit(self, handle: str) -> None:
        self.calls.append(f"commit {handle}")
        self._show(handle)

    def abort(self) -> None:
        self.calls.append("abort")

    def _show(self, handle: str) -> None:
        if handle not in self.visible:
            self.visible.append(handle)


def ledger() -> tuple[StepHarness[str, Never], list[str], list[str]]:
    """Return a sink under test, its calls, and what is visible."""
    calls, visible = list[str](), list[str]()
    return StepHarness(Ledger, calls, visible), calls, visible


def test_nothing_is_visible_before_the_test_commits() -> None:
    """The very promise of such a sink."""
    step, calls, visible = ledger()
    with step.coordinate():
        step.push_all(["a", "b"])
        first = step.pre_commit()
        step.push("c")
        second = step.pre_commit()
        assert (first, second, visible) == ("a+b", "c", [])
        step.commit(first)
        step.commit(first)
        assert visible == ["a+b"]
        step.commit(second)

    assert visible == ["a+b", "c"]
    assert calls == [
        *("recover []", "begin", "pre_commit 1", "begin", "pre_commit 2", "begin"),
        *("commit a+b", "commit a+b", "commit c", "abort"),
    ]


def test_what_is_not_pre_committed_is_aborted() -> None:
    """Also if the input has ended: the last checkpoint is the coordinator's."""
    step, calls, visible = ledger()
    with step.coordinate():
        step.push("a")
        step.finish()

    assert (visible, calls[-1]) == ([], "abort")


def test_a_new_instance_commits_what_was_decided_before_the_crash() -> None:
    """Between the durable checkpoint and the commit is where programs die."""
    before, _, _ = ledger()
    before.coordinate().push("a")
    handle = before.pre_commit(7)

    after, calls, visible = ledger()
    with after.recover(handle):
        after.push("b")
        assert after.pre_commit(8) == "b"

    assert visible == ["a"]
    assert calls[0] == "recover ['a']"


def test_an_empty_transaction_has_no_handle_and_commits_nothing() -> None:
    """Checkpoints come whether or not records do."""
    step, calls, visible = ledger()
    with step.coordinate():
        step.commit(step.pre_commit())

    assert visible == []
    assert not [call for call in calls if call.startswith("commit")]


def test_a_planned_fault_makes_the_sink_vote_no() -> None:
    """How a job answers to that is tested on a kernel; here, what the sink does."""
    step, _, visible = ledger()
    step.coordinate().faults.fail("pre_commit", error=OSError("disk full"))
    with step:
        step.push("a")
        with pytest.raises(OSError, match="disk full"):
            step.pre_commit()
        assert step.pre_commit() == "a"

    assert visible == []


def test_without_a_coordinator_the_sink_commits_at_the_end() -> None:
    """As on a kernel without checkpoints."""
    step, calls, visible = ledger()
    with step:
        step.push("a")
        with pytest.raises(JobStateError, match="coordinate"):
            step.pre_commit()
        step.finish()

    assert visible == ["a"]
    assert calls == ["recover []", "begin", "pre_commit 0", "commit a"]


class Plain(SinkFunction[str]):
    def execute(self, data: str) -> None:
        """Take it."""


def test_a_sink_without_transactions_has_nothing_to_coordinate() -> None:
    """The test would else believe that it controls something."""
    with pytest.raises(PipelineError, match="no transactions"):
        StepHarness(Plain).coordinate().open()
