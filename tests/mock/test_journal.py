"""The journal: typed, in order, and readable when it is not what a test expected."""

from __future__ import annotations

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_mock import (
    CheckpointRestored,
    CheckpointTaken,
    DeadLettered,
    MockKernelFacade,
    Processed,
    Sent,
    ServiceCalled,
    Skipped,
    StateCleared,
    StateLoaded,
    StateSaved,
)


def test_a_whole_job_is_told_in_lines(kernel: MockKernelFacade) -> None:
    """The journal is what people read when a test fails: it must tell the story."""
    env = LocalEnvironment("job", kernel=kernel)
    env.from_collection([1]).keyby(lambda _: "k", name="key").sink(lambda x: None, name="out")

    env.submit()

    kernel.journal.assert_lines(
        [
            "job-1 running",
            "out open",
            "key open",
            "source open",
            "source poll",
            "source send data=1 target=None key=None",
            "key process data=1 input_index=0 key=None",
            "key send data=1 target=None key='k'",
            "out process data=1 input_index=0 key='k'",
            "source finish",
            "key finish",
            "out finish",
            "source close",
            "key close",
            "out close",
            "job-1 finished",
        ]
    )
    kernel.journal.assert_actions(["open", "process", "finish", "close"], "out")


def test_every_sort_of_happening_comes_back_typed(kernel: MockKernelFacade) -> None:
    """A test asks for what it is about, and mypy knows the fields."""
    kernel.services.answer("cache.get", 1)
    context = kernel.create_execution_context({"name": "f", "key": "a"})
    state = context.state_manager
    state.save_state("v", 1)
    state.load_state("v")
    state.clear_state("v")
    state.create_checkpoint("c")
    state.restore_checkpoint("c")
    context.send_data("x", "late")
    context.transport.broadcast("all")
    context.call_service("cache", "get", "k", default=0)

    journal = kernel.journal
    assert [happening.state for happening in journal.all_of(StateSaved)] == [1]
    assert [happening.key for happening in journal.all_of(StateLoaded, "f")] == ["v"]
    assert [happening.key for happening in journal.all_of(StateCleared)] == ["v"]
    assert [happening.checkpoint_id for happening in journal.all_of(CheckpointTaken)] == ["c"]
    assert journal.all_of(CheckpointRestored) == [CheckpointRestored("c")]
    assert journal.all_of(Sent) == [Sent("x", "late", "a")]
    assert journal.all_of(ServiceCalled, "cache.get") == [ServiceCalled(("k",), {"default": 0})]
    assert journal.all_of(Sent, "somebody else") == []
    assert journal.lines("f")[-1] == "f broadcast data='all'"


def test_failed_records_are_in_it(kernel: MockKernelFacade) -> None:
    """R5: what a policy did with a record must be visible."""
    env = LocalEnvironment("job", kernel=kernel)
    numbers = env.from_collection([0])
    numbers.map(lambda x: 1 // x, on_error="skip", name="skips").sink(print)
    numbers.map(lambda x: 1 // x, on_error="dead_letter", name="letters").sink(print)

    env.submit()

    (skipped,) = kernel.journal.all_of(Skipped)
    (letter,) = kernel.journal.all_of(DeadLettered)
    assert (skipped.data, type(skipped.error)) == (0, ZeroDivisionError)
    assert (letter.letter.value, letter.letter.step) == (0, "letters")
    assert len(kernel.journal.all_of(Processed, "skips")) == 1


def test_a_difference_is_shown_line_by_line(kernel: MockKernelFacade) -> None:
    """Two lists of forty entries beside each other help nobody."""
    context = kernel.create_execution_context({"name": "f"})
    for value in (1, 2, 4):
        context.send_data(value)

    with pytest.raises(AssertionError) as caught:
        kernel.journal.assert_lines(
            [f"f send data={value} target=None key=None" for value in (1, 2, 3)]
        )

    lines = str(caught.value).splitlines()
    assert lines[0] == "The journal tells something else (- expected, + happened):"
    assert "- f send data=3 target=None key=None" in lines
    assert "+ f send data=4 target=None key=None" in lines
    with pytest.raises(AssertionError, match="- open"):
        kernel.journal.assert_actions(["open"], "f")


def test_the_text_has_the_moments(kernel: MockKernelFacade) -> None:
    """When something happened is half of the story."""
    context = kernel.create_execution_context({"name": "f"})
    kernel.clock.advance(2.5)
    context.send_data(1)

    assert str(kernel.journal) == "2.5s f send data=1 target=None key=None"
