"""Deadlines on a clock that stands still: who is late is a matter of numbers, not of luck."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable

import pytest

from sage_kernel_api.errors import ServiceTimeoutError
from sage_kernel_default.services.calls import Call
from sage_kernel_default.services.deadlines import Watch, WatchList
from sage_kernel_default.services.host import ServiceHost
from tests.default_services.conftest import DeskService, Job

MakeDesk = Callable[[int], DeskService]


def test_a_call_ends_at_its_deadline_and_not_before(make_desk: MakeDesk) -> None:
    """A call that ends early is a request thrown away, one that ends late a caller that hangs."""
    desk = make_desk(2)
    short, long = Job(1), Job(2)
    first, second = desk.call(short, 1.0), desk.call(long, 2.0)

    desk.advance(1.0)

    assert isinstance(first.exception(10), ServiceTimeoutError)
    assert not second.done()
    long.gate.set()
    assert second.result(10) == 2
    short.gate.set()


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        (False, "desk.work() answered after its call had ended"),
        (True, "desk.work() raised KeyError: 1 after its call had ended"),
    ],
)
def test_late_answers_and_late_failures_are_reported(
    make_desk: MakeDesk, caplog: pytest.LogCaptureFixture, fails: bool, said: str
) -> None:
    """R5: an exception that nobody waits for any more must not vanish."""
    desk = make_desk(1)
    job, next_job = Job(1, fails=fails), Job(2)
    next_job.gate.set()
    late = desk.call(job, 1.0)
    assert job.begun.wait(10)
    desk.advance(1.0)
    assert isinstance(late.exception(10), ServiceTimeoutError)

    with caplog.at_level(logging.WARNING, "sage_kernel.services"):
        job.gate.set()
        assert desk.call(next_job).result(10) == 2

    assert desk.host.late_answers == 1
    assert said in caplog.text


def test_a_call_that_is_late_before_anybody_began_with_it_is_never_made(
    make_desk: MakeDesk,
) -> None:
    """Its caller is gone; doing it would hold up the others for nothing."""
    desk = make_desk(1)
    first, second, third = Job(1), Job(2), Job(3)
    desk.call(first)
    waiting = desk.call(second, 1.0)
    desk.advance(1.0)
    assert isinstance(waiting.exception(10), ServiceTimeoutError)

    first.gate.set()
    third.gate.set()
    assert desk.call(third).result(10) == 3

    assert not second.begun.is_set()


def test_an_answered_call_is_let_go_at_once(make_desk: MakeDesk) -> None:
    """A thousand prompts of a megabyte must not wait in memory for their deadlines."""
    desk = make_desk(1)
    job, other = Job(1), Job(2)
    job.gate.set()
    other.gate.set()
    alive = weakref.ref(job)

    call = desk.call(job)
    assert call.result(10) == 1
    assert desk.call(other).result(10) == 2
    del job
    gc.collect()

    assert alive() is None
    assert call.result() == 1


def test_the_list_of_deadlines_stays_as_short_as_the_list_of_open_calls() -> None:
    """A million calls in thirty seconds would otherwise be a million entries."""
    host = ServiceHost("desk", object)
    watches = WatchList()
    open_calls = [Call(host, object, "open") for _ in range(50)]
    for number, call in enumerate(open_calls):
        watches.add(Watch(call, 1.0), due_s=1e9 + number)
    for number in range(10_000):
        call = Call(host, object, "answered")
        watches.add(Watch(call, 1.0), due_s=float(number))
        call.answer(None)

    assert len(watches) <= 2 * 64 + 1
    assert watches.next_due_s() == 1e9
    assert watches.take_late(1e9 - 1) is None
    late = watches.take_late(1e9)
    assert late is not None
    assert late.call is open_calls[0]
