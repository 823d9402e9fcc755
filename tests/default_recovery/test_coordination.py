"""Gathering and timing of epochs: pure parts, every case by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_default.checkpoint import KeyedChanges, StepSnapshot
from sage_kernel_default.checkpoint.ledger import EpochLedger
from sage_kernel_default.checkpoint.schedule import CheckpointSchedule


def _change(name: str) -> KeyedChanges:
    return KeyedChanges("table", name.encode(), b"", 1)


def _snapshot(step: str, *changes: str, **operator: bytes) -> StepSnapshot:
    return StepSnapshot(step, 0, 1, operator, [_change(one) for one in changes])


def _stored(ledger: EpochLedger) -> dict[str, list[str]]:
    record = ledger.record({})
    return {one.step: [c.keys.decode() for c in one.keyed] for one in record.snapshots}


def test_an_epoch_is_complete_when_every_task_has_handed_in() -> None:
    """Half a checkpoint would be a state that never was."""
    ledger = EpochLedger(["a", "b"], [], 0)
    epoch = ledger.begin()

    ledger.taken("a", epoch, [_snapshot("A", "1")], is_final=False)
    missing = ledger.missing
    ledger.taken("b", epoch, [_snapshot("B", "2")], is_final=False)

    assert (epoch, missing, ledger.missing) == (1, ["b"], [])
    assert _stored(ledger) == {"A": ["1"], "B": ["2"]}


def test_changes_of_a_failed_epoch_are_part_of_the_next_one() -> None:
    """A task sends each change once, so nobody else could bring them back."""
    ledger = EpochLedger(["a", "b"], [], 0)
    ledger.taken("a", ledger.begin(), [_snapshot("A", "1")], is_final=False)
    ledger.failed()
    ledger.taken("b", 1, [_snapshot("B", "late")], is_final=False)

    epoch = ledger.begin()
    ledger.taken("a", epoch, [_snapshot("A", "2")], is_final=False)
    ledger.taken("b", epoch, [_snapshot("B", "3")], is_final=False)

    assert _stored(ledger) == {"A": ["1", "2"], "B": ["late", "3"]}


def test_changes_of_a_record_that_was_not_stored_are_kept() -> None:
    """As above, when the disk and not a task was too slow."""
    ledger = EpochLedger(["a"], [], 0)
    ledger.taken("a", ledger.begin(), [_snapshot("A", "1")], is_final=False)
    ledger.record({})
    ledger.failed()

    ledger.taken("a", ledger.begin(), [_snapshot("A", "2")], is_final=False)

    assert _stored(ledger) == {"A": ["1", "2"]}
    ledger.stored()
    ledger.taken("a", ledger.begin(), [_snapshot("A", "3")], is_final=False)
    assert _stored(ledger) == {"A": ["3"]}


def test_what_comes_after_a_snapshot_is_not_in_its_epoch() -> None:
    """A task that ends while the epoch waits for another one has gone on meanwhile."""
    ledger = EpochLedger(["a", "b"], [], 0)
    epoch = ledger.begin()
    ledger.taken("a", epoch, [_snapshot("A", "1", at=b"1")], is_final=False)
    ledger.taken("a", 2, [_snapshot("A", "2", at=b"2")], is_final=True)
    ledger.taken("b", epoch, [_snapshot("B", "3")], is_final=False)

    first = ledger.record({})
    finished = ledger.finished
    ledger.stored()
    ledger.taken("b", ledger.begin(), [_snapshot("B")], is_final=True)
    second = ledger.record({})

    assert [one.operator for one in first.snapshots] == [{"at": b"1"}, {}]
    assert [c.keys for c in first.snapshots[0].keyed] == [b"1"]
    assert (finished, first.is_final) == (frozenset(), False)
    assert [c.keys for c in second.snapshots[0].keyed] == [b"2"]
    assert (sorted(ledger.finished), second.is_final) == (["a", "b"], True)


def test_an_ended_task_is_in_all_later_epochs() -> None:
    """Its state is still state of the job; its changes are stored once."""
    ledger = EpochLedger(["a", "b"], [], 4)
    ledger.taken("a", 5, [_snapshot("A", "1", at=b"1")], is_final=True)
    stored = []
    for _ in range(2):
        ledger.taken("b", ledger.begin(), [_snapshot("B", "x")], is_final=False)
        stored.append((ledger.epoch, _stored(ledger)))
        ledger.stored()

    assert stored == [(5, {"A": ["1"], "B": ["x"]}), (6, {"A": [], "B": ["x"]})]


def test_steps_without_state_are_not_stored() -> None:
    """They may come and go; only state ties a pipeline to its checkpoints."""
    ledger = EpochLedger(["a"], ["OLD"], 0)
    ledger.taken("a", ledger.begin(), [_snapshot("A"), _snapshot("OLD")], is_final=False)

    assert _stored(ledger) == {"OLD": []}


@given(st.lists(st.sampled_from(["a", "b", "fail", "end-a"]), max_size=40))
def test_every_change_is_stored_once_and_in_order(events: list[str]) -> None:
    """Whatever fails and whatever comes too late: a lost change is a wrong count."""
    ledger = EpochLedger(["a", "b"], [], 0)
    sent: dict[str, list[str]] = {"a": [], "b": []}
    stored: dict[str, list[str]] = {"a": [], "b": []}
    ended: set[str] = set()
    handed_in: dict[str, int] = {}

    for event in [*events, "a", "b", "next", "a", "b"]:
        if event == "next" and ledger.is_under_way:
            ledger.failed()
        if not ledger.is_under_way:
            ledger.begin()
        task, is_final = event[-1], event.startswith("end")
        if event == "fail":
            ledger.failed()
        elif task in sent and task not in ended and handed_in.get(task) != ledger.epoch:
            sent[task].append(str(sum(map(len, sent.values()))))
            change = _snapshot(task, sent[task][-1])
            ledger.taken(task, ledger.epoch, [change], is_final=is_final)
            handed_in[task] = ledger.epoch
            ended.update([task] if is_final else [])
        if ledger.is_under_way and not ledger.missing:
            for step, changes in _stored(ledger).items():
                stored[step] += changes
            ledger.stored()

    assert stored == sent


def test_a_checkpoint_is_due_an_interval_after_the_last_began() -> None:
    """Users state how much work they can lose, not how long the disk takes."""
    schedule = CheckpointSchedule(10, 60, 0)
    assert schedule.due_in_s(0) is None
    schedule.start(100)
    assert schedule.due_in_s(103) == 7

    schedule.began(110)
    schedule.ended(114)

    assert schedule.due_in_s(114) == 6


def test_a_long_checkpoint_leaves_a_pause_behind_it() -> None:
    """Otherwise a slow disk lets the job do nothing but checkpoints."""
    schedule = CheckpointSchedule(10, 60, 5)
    schedule.start(0)
    schedule.began(10)
    assert schedule.left_s(30) == 40

    schedule.ended(30)

    assert (schedule.due_in_s(30), schedule.left_s(30)) == (5, None)
