"""Alignment: a snapshot parts what came before from what comes after, on every input."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sage_kernel_default.engine.alignment import Align, Alignment, Completed, TakeSnapshot


def _both(epoch: int) -> list[Align]:
    return [TakeSnapshot(epoch), Completed(epoch)]


def test_an_input_that_is_ahead_waits_for_the_others() -> None:
    """What it brings next would be in the state twice after a recovery."""
    alignment = Alignment(2)

    assert alignment.barrier(0, 1) == []
    assert alignment.blocked == {0}
    assert alignment.barrier(1, 1) == _both(1)
    assert alignment.blocked == frozenset()


def test_an_ended_input_counts_as_arrived() -> None:
    """A short source beside a long one would stop all checkpoints."""
    alignment = Alignment(2)
    alignment.barrier(0, 1)

    assert alignment.end(1) == _both(1)
    assert alignment.barrier(0, 2) == _both(2)


def test_a_task_without_open_inputs_follows_the_request() -> None:
    """Sources, and what still works after its sources have ended, begin the snapshot."""
    source, drained = Alignment(0), Alignment(1)
    drained.request(1)

    assert source.request(1) == _both(1)
    assert source.request(1) == []
    assert drained.end(0) == _both(1)


def test_a_newer_barrier_gives_up_on_the_older_epoch() -> None:
    """After a timeout the barriers of the old epoch may never come."""
    alignment = Alignment(2)
    alignment.barrier(0, 1)

    assert alignment.barrier(1, 2) == []
    assert alignment.blocked == {1}
    assert alignment.barrier(1, 1) == []
    assert alignment.barrier(0, 2) == _both(2)


def test_an_epoch_that_the_job_gives_up_blocks_nobody() -> None:
    """An input whose source hangs for an hour would hold all others back as long."""
    alignment = Alignment(2)
    alignment.barrier(0, 1)

    assert alignment.give_up(1) == []
    assert alignment.blocked == frozenset()
    assert alignment.barrier(1, 1) == []
    assert alignment.blocked == frozenset()


def test_giving_up_leaves_a_newer_epoch_alone() -> None:
    """The word of the job can come later than the next barrier."""
    alignment = Alignment(2)
    alignment.barrier(0, 2)

    alignment.give_up(1)

    assert alignment.blocked == {0}
    assert alignment.barrier(1, 2) == _both(2)


def test_a_request_for_an_epoch_that_was_given_up_is_void() -> None:
    """A source that hung would send a barrier after it that nobody waits for."""
    alignment = Alignment(0)
    alignment.give_up(1)

    assert alignment.request(1) == []
    assert alignment.request(2) == _both(2)


def test_a_snapshot_whose_loop_is_not_dry_is_handed_in_when_it_is_given_up() -> None:
    """The changes in it are told once: without it they would be lost to all later epochs."""
    by_word, by_barrier = Alignment(2, feedback=[1]), Alignment(2, feedback=[1])
    by_word.barrier(0, 1)
    by_barrier.barrier(0, 1)

    assert by_word.give_up(1) == [Completed(1)]
    assert by_word.is_complete
    assert by_word.barrier(1, 1) == []
    assert by_barrier.barrier(0, 2) == [Completed(1), TakeSnapshot(2)]
    assert by_barrier.logging == {1}


def test_records_inside_of_a_loop_are_logged_until_the_barrier_is_back() -> None:
    """They are in no task's state, so nobody else would bring them back."""
    alignment = Alignment(2, feedback=[1])

    assert alignment.barrier(0, 1) == [TakeSnapshot(1)]
    assert alignment.logging == {1}
    assert not alignment.blocked
    assert alignment.barrier(1, 1) == [Completed(1)]
    assert alignment.is_complete


def test_a_feedback_edge_that_is_early_waits() -> None:
    """Its barrier can come by way of another source of the loop."""
    alignment = Alignment(2, feedback=[1])

    assert alignment.barrier(1, 1) == []
    assert alignment.blocked == {1}
    assert alignment.barrier(0, 1) == _both(1)


def test_epochs_before_the_beginning_are_not_taken_again() -> None:
    """A job that begins with epoch 5 must not store an epoch 5 of its own."""
    alignment = Alignment(0)
    alignment.start_after(5)

    assert alignment.request(5) == []
    assert alignment.request(6) == _both(6)


@settings(max_examples=300)
@given(st.data())
def test_every_snapshot_cuts_every_input_at_its_barrier(data: st.DataObject) -> None:
    """The one property that exactly-once rests on, under any interleaving of the inputs.

    Each input is a line of records, barriers of some epochs (those of given-up epochs may be
    missing) and its end. At any time the job may give up an epoch before the last one. Whatever
    the order in which the task takes them, a snapshot holds exactly the records in front of the
    barrier of its epoch (or all, if the input ended first).
    """
    inputs = data.draw(st.integers(1, 3))
    epochs = data.draw(st.integers(1, 4))
    skipped = data.draw(st.sets(st.tuples(st.integers(0, inputs - 1), st.integers(1, epochs))))
    lines = [_line(data, number, epochs, skipped) for number in range(inputs)]
    alignment, places = Alignment(inputs), [0] * inputs
    seen: list[list[str]] = [[] for _ in range(inputs)]
    taken: list[int] = []
    gives_up = data.draw(st.dictionaries(st.integers(1, 20), st.integers(1, 3), max_size=2))
    given_up: set[int] = set()
    steps = 0

    while True:
        able = [
            n for n in range(inputs) if places[n] < len(lines[n]) and (n not in alignment.blocked)
        ]
        steps += 1
        if (over := gives_up.get(steps, 0)) and over < epochs:
            assert alignment.give_up(over) == []
            given_up.add(over)
            continue
        if not able:
            break
        number = data.draw(st.sampled_from(able))
        item = lines[number][places[number]]
        places[number] += 1
        if item == "end":
            decided = alignment.end(number)
        elif isinstance(item, int):
            decided = alignment.barrier(number, item)
        else:
            seen[number].append(item)
            decided = []
        for one in decided:
            if isinstance(one, TakeSnapshot):
                taken.append(one.epoch)
                assert one.epoch > max(given_up, default=0)
                for n in range(inputs):
                    assert seen[n] == _before(lines[n], one.epoch)

    assert taken == sorted(set(taken))
    if (last := epochs) and not any((n, last) in skipped for n in range(inputs)):
        assert last in taken
    assert all(place == len(line) for place, line in zip(places, lines, strict=True)) or skipped


def _line(
    data: st.DataObject, number: int, epochs: int, skipped: set[tuple[int, int]]
) -> list[str | int]:
    line: list[str | int] = []
    for epoch in range(1, epochs + 1):
        line += [f"r{number}.{epoch}.{n}" for n in range(data.draw(st.integers(0, 2)))]
        if (number, epoch) not in skipped:
            line.append(epoch)
    line += [f"r{number}.last.{n}" for n in range(data.draw(st.integers(0, 2)))]
    return [*line, "end"]


def _before(line: list[str | int], epoch: int) -> list[str]:
    cut = line.index(epoch) if epoch in line else len(line)
    return [item for item in line[:cut] if isinstance(item, str) and item != "end"]
