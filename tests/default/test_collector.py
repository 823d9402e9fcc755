"""What a job does to Python's garbage collector: large lists are spared, garbage still goes."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_default.jobs.collector import Collector

OLDEST = 2
_AT_ONCE = 8


class Ring:
    """Garbage that only the collector can find."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _from_now_on() -> Iterator[None]:
    """Look at all that other tests left behind before, and at what a test leaves behind after."""
    assert gc.isenabled()
    gc.collect()
    yield
    gc.collect()


def run_a_job(env: LocalEnvironment, records: list[int]) -> None:
    found: list[int] = []
    env.from_collection(records).filter(lambda data: data < 0).sink(found.append)
    env.submit(autostop=True)


def is_old(thing: object) -> bool:
    return any(one is thing for one in gc.get_objects(generation=OLDEST))


def test_the_input_of_a_job_is_not_looked_through_at_its_start(env: LocalEnvironment) -> None:
    """A look takes 7 ms for a million records, for which a quick chain needs 100 ms."""
    records = [*range(1000)]
    assert not is_old(records)

    run_a_job(env, records)

    assert is_old(records)


def test_garbage_of_a_program_of_many_jobs_is_still_found() -> None:
    """A server that runs a job per request must not keep the garbage of all of them."""
    rings: list[weakref.ref[Ring]] = []
    for _ in range(40):
        rings.append(weakref.ref(Ring()))
        run_a_job(LocalEnvironment("small"), [1])

    left = [ring for ring in rings if ring() is not None]

    assert len(left) < 12, "the collector's own turn was put off again and again"


def test_objects_age_again_once_the_program_has_looked_at_all_of_them() -> None:
    """Otherwise only the first jobs of a long program would be quick."""
    collector = Collector()
    for _ in range(20):
        collector.age_all()
    young = Ring()
    collector.age_all()
    assert not is_old(young), "the test would show nothing"

    gc.collect()
    younger = Ring()
    collector.age_all()

    assert is_old(younger)


def test_jobs_that_start_together_take_none_of_each_others_objects_for_frozen() -> None:
    """Otherwise one such moment would make all later jobs of a server slower."""
    collector = Collector()
    threads = [threading.Thread(target=collector.age_all) for _ in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    gc.collect()
    young = Ring()
    collector.age_all()

    assert gc.get_freeze_count() == 0
    assert is_old(young)


def test_a_collector_that_was_switched_off_stays_out_of_it() -> None:
    """Who switches it off, for a real-time loop or a reference count hunt, means it."""
    young = Ring()
    gc.disable()
    try:
        Collector().age_all()
        assert not is_old(young)
    finally:
        gc.enable()


def test_what_the_program_froze_stays_frozen() -> None:
    """Servers freeze what they share with forked workers; thawing it would copy all of it."""
    gc.freeze()
    frozen = gc.get_freeze_count()
    try:
        Collector().age_all()
        assert gc.get_freeze_count() == frozen
    finally:
        gc.unfreeze()
