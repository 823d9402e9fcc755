"""Aggregate, count, distinct, top-k, micro-batches and the end of the input, on every kernel."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sage_kernel_api import (
    AggregateFunction,
    FixedDelay,
    JobFailedError,
    LocalEnvironment,
    PipelineError,
    StopSignal,
)
from sage_kernel_api.core.operators import TimedMicroBatchOperator
from sage_kernel_mock import MockKernelFacade

KERNELS = pytest.mark.parametrize("kernel", ["mock", "default", "default?frame_size=3"])
_SETTINGS = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
_NUMBERS = st.lists(st.integers(-20, 20), max_size=40)


class Mean(AggregateFunction[int, list[int], float]):
    """Its accumulator is changed in place."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def create_accumulator(self) -> list[int]:
        return [0, 0]

    def add(self, value: int, accumulator: list[int]) -> list[int]:
        accumulator[0] += 1
        accumulator[1] += value
        return accumulator

    def merge(self, one: list[int], other: list[int]) -> list[int]:
        return [one[0] + other[0], one[1] + other[1]]

    def get_result(self, accumulator: list[int]) -> float:
        return self.scale * accumulator[1] / accumulator[0]


def _parity(number: int) -> int:
    return number % 2


@KERNELS
def test_an_aggregate_comes_out_at_each_record(kernel: str) -> None:
    """A dashboard wants the mean so far, of each key its own."""
    with LocalEnvironment(kernel=kernel) as env:
        keyed = env.from_collection([1, 2, 3, 6]).keyby(_parity)
        assert keyed.aggregate(partial(Mean, scale=2)).execute_and_collect() == [2, 4, 4, 8]


@KERNELS
@pytest.mark.parametrize("parallelism", [1, 3])
def test_an_aggregate_may_come_out_once_at_the_end(kernel: str, parallelism: int) -> None:
    """For bounded input, all results but the last one are noise."""
    with LocalEnvironment(kernel=kernel) as env:
        keyed = env.from_collection([1, 2, 3, 6]).keyby(_parity)
        means = keyed.aggregate(Mean, emit="end", parallelism=parallelism)
        assert sorted(means.execute_and_collect()) == [2, 4]


@_SETTINGS
@given(_NUMBERS, st.sampled_from(["mock", "default?frame_size=3"]), st.integers(1, 3))
def test_counts_distinct_and_top_k_are_those_of_the_plain_program(
    numbers: list[int], kernel: str, parallelism: int
) -> None:
    """Python has them already; a stream must not differ."""
    with LocalEnvironment(kernel=kernel) as env:
        source = env.from_collection(numbers)
        counts: list[Any] = []
        every: list[Any] = []
        first: list[Any] = []
        tops: list[Any] = []
        keyed = source.keyby(lambda n: n % 5)
        keyed.count(emit="end", parallelism=parallelism).sink(counts.append, parallelism=1)
        keyed.count(parallelism=parallelism).sink(every.append, parallelism=1)
        source.distinct(parallelism=parallelism).sink(first.append, parallelism=1)
        top = keyed.top_k(2, by=abs, emit="end", parallelism=parallelism)
        top.sink(tops.append, parallelism=1)
        env.submit(autostop=True)

    by_key: dict[int, list[int]] = {}
    for n in numbers:
        by_key.setdefault(n % 5, []).append(n)
    assert dict(counts) == Counter(n % 5 for n in numbers)
    assert len(counts) == len(dict(counts))
    assert Counter(key for key, _ in every) == Counter(n % 5 for n in numbers)
    for key, kept in by_key.items():
        assert [n for k, n in every if k == key] == list(range(1, len(kept) + 1))
    assert sorted(first) == sorted(set(numbers))
    # Stable, so that the earlier one of equals is ahead.
    assert dict(tops) == {
        key: sorted(kept, key=abs, reverse=True)[:2] for key, kept in by_key.items()
    }


@KERNELS
def test_a_ranking_comes_out_when_it_has_changed(kernel: str) -> None:
    """A record that changes nothing must not make work downstream."""
    with LocalEnvironment(kernel=kernel) as env:
        keyed = env.from_collection([5, 9, 1, 7, 9]).keyby(lambda n: "all")
        assert keyed.top_k(2).execute_and_collect() == [
            ("all", [5]),
            ("all", [9, 5]),
            ("all", [9, 7]),
            ("all", [9, 9]),
        ]
        assert keyed.top_k(1, largest=False).execute_and_collect() == [("all", [5]), ("all", [1])]


@KERNELS
def test_distinct_by_a_key_gives_the_first_record_of_each(kernel: str) -> None:
    """The newest of equals must not replace the first, nor come beside it."""
    with LocalEnvironment(kernel=kernel) as env:
        words = env.from_collection(["ant", "bee", "asp", "cat", "bat"])
        assert words.distinct(lambda word: word[0]).execute_and_collect() == ["ant", "bee", "cat"]
        keyed = words.keyby(len)
        assert keyed.distinct().execute_and_collect() == ["ant"]
        assert keyed.distinct(lambda word: word[-1]).execute_and_collect() == [
            *("ant", "bee", "asp")
        ]


@KERNELS
@pytest.mark.parametrize(("count", "sizes"), [(0, []), (4, [2, 2]), (5, [2, 2, 1])])
def test_batches_are_full_but_for_the_last_one(kernel: str, count: int, sizes: list[int]) -> None:
    """A record that is forgotten at the end is lost."""
    with LocalEnvironment(kernel=kernel) as env:
        batches = env.from_collection(range(count)).batch(2).execute_and_collect()

    assert [len(batch) for batch in batches] == sizes
    assert [n for batch in batches for n in batch] == list(range(count))


@KERNELS
@pytest.mark.parametrize("parallelism", [1, 3])
def test_a_keyed_batch_has_records_of_one_key_and_keeps_it(kernel: str, parallelism: int) -> None:
    """Whoever writes a batch per customer must not mix customers."""
    with LocalEnvironment(kernel=kernel) as env:
        keyed = env.from_collection(range(7)).keyby(_parity)
        batches = keyed.batch(2, parallelism=parallelism).execute_and_collect()

    assert sorted(batches) == [[0, 2], [1, 3], [4, 6], [5]]


@pytest.mark.parametrize("kernel", ["mock", "default"])
@pytest.mark.parametrize("keyed", [False, True])
def test_a_batch_does_not_wait_longer_than_its_time_limit(kernel: str, keyed: bool) -> None:
    """One record an hour would otherwise wait for days."""
    left = iter([1, 2, 3])
    batches: list[list[int]] = []

    def source() -> int | StopSignal | None:
        # Goes on only when the records so far have come out, though their batch is not full.
        if sum(map(len, batches)) == 3:
            return StopSignal()
        return next(left, None)

    with LocalEnvironment(kernel=kernel) as env:
        numbers = env.from_source(source)
        stream = numbers.keyby(lambda n: 0) if keyed else numbers
        stream.batch(100, timeout_s=0.005).sink(batches.append)
        env.submit()
        env.wait(timeout_s=60)

    assert [n for batch in batches for n in batch] == [1, 2, 3]


class _Clocked:
    """A context with a clock of its own; the rest is the mock kernel's."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.now_us = 0
        self.sent: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def processing_time_us(self) -> int:
        return self.now_us

    def send_data(self, data: Any, *_: Any) -> bool:
        self.sent.append(data)
        return True


def _clocked(index: int = 0, parallelism: int = 1) -> Any:
    kernel = MockKernelFacade()
    context: Any = _Clocked(
        kernel.create_execution_context({"parallel_index": index, "parallelism": parallelism})
    )
    kernel.shutdown()
    operator = TimedMicroBatchOperator(context, str)
    operator.size, operator.timeout_us = 3, 100
    return operator


def test_the_time_limit_runs_from_the_first_record_of_a_batch() -> None:
    """Each new record would otherwise put the batch off."""
    operator = _clocked()
    operator.open()
    assert operator.next_due_us() is None
    operator.process(1)
    operator.context.now_us = 60
    operator.process(2)

    assert operator.next_due_us() == 100
    operator.on_processing_time(99)
    assert operator.context.sent == []
    operator.on_processing_time(100)
    assert operator.context.sent == [[1, 2]]
    assert operator.next_due_us() is None


@_SETTINGS
@given(st.lists(st.integers(0, 2), min_size=1, max_size=4), st.integers(1, 4))
def test_waiting_records_move_to_other_instances(held: list[int], parallelism: int) -> None:
    """A restored job with fewer instances would lose the half-full batches of the others."""
    states = []
    for index, count in enumerate(held):
        operator = _clocked(index, len(held))
        operator.open()
        for n in range(count):
            operator.process((index, n))
        states.append(operator.snapshot_state())
    found = []
    for index in range(parallelism):
        operator = _clocked(index, parallelism)
        is_same = parallelism == len(held)
        operator.restore_state(states[index : index + 1] if is_same else states)
        operator.open()
        operator.finish()
        assert all(len(batch) <= 3 for batch in operator.context.sent)
        found += [record for batch in operator.context.sent for record in batch]

    assert sorted(found) == [(index, n) for index, count in enumerate(held) for n in range(count)]


@KERNELS
def test_the_end_comes_once_behind_all_records(kernel: str) -> None:
    """A footer in the middle, or one per instance, is none."""
    asked: list[int] = []

    def footer() -> list[str]:
        asked.append(1)
        return ["end", "of file"]

    with LocalEnvironment(kernel=kernel) as env:
        env.set_parallelism(3)
        lines = env.from_collection([1, 2, 3]).map(lambda n: n * 10).on_end(footer)
        found = lines.execute_and_collect()

    assert sorted(map(str, found[:3])) == ["10", "20", "30"]
    assert found[3:] == ["end", "of file"]
    assert asked == [1]


@pytest.mark.parametrize("before", ["failing", "restarting"])
def test_what_is_kept_survives_a_failure(tmp_path: Path, before: str) -> None:
    """Counts that begin again, and half batches that are gone, are wrong results."""
    armed = [True]

    def fail_once(number: int) -> int:
        if number == 1_500 and armed:
            armed.clear()
            raise RuntimeError("planned")
        return number

    def run() -> list[list[tuple[int, int]]]:
        with LocalEnvironment("gather", kernel="default?frame_size=16") as env:
            env.enable_checkpointing(0.001, tmp_path / "state")
            if before == "restarting":
                env.set_restart_strategy(FixedDelay(attempts=1, delay_s=0.0))
            numbers = env.from_collection(range(2_000), uid="in").map(fail_once, uid="check")
            keyed = numbers.keyby(lambda n: n % 7, uid="key")
            counts = keyed.count(emit="end", uid="count")
            counts.batch(3, uid="batch").sink_to_file(tmp_path / "out", "json", uid="out")
            numbers.batch(64, uid="all").sink_to_file(tmp_path / "batches", "json", uid="out2")
            env.submit(autostop=True)
        lines = (tmp_path / "batches").read_text().splitlines()
        assert [n for line in lines for n in json.loads(line)] == list(range(2_000))
        return [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]

    if before == "failing":
        with pytest.raises(JobFailedError, match="planned"):
            run()
    batches = run()

    assert [len(batch) for batch in batches] == [3, 3, 1]
    counted = {key: count for batch in batches for key, count in batch}
    assert counted == Counter(n % 7 for n in range(2_000))


def test_wrong_arguments_are_refused_when_described() -> None:
    """Each of them would end in an error about our inside, or in nothing at all."""
    stream = LocalEnvironment().from_collection([1])
    keyed = stream.keyby(_parity)
    steps = len(stream.environment.pipeline)

    for size in (0, -1, 1.5, True):
        with pytest.raises(PipelineError, match=r"batch\(size\)"):
            stream.batch(size)  # type: ignore[arg-type]
        with pytest.raises(PipelineError, match=r"top_k\(k\)"):
            keyed.top_k(size)  # type: ignore[arg-type]
    for timeout_s in (0, -1, float("nan"), "1"):
        with pytest.raises(PipelineError, match="timeout_s"):
            keyed.batch(2, timeout_s)  # type: ignore[arg-type]
    with pytest.raises(PipelineError, match="emit='never'"):
        keyed.count(emit="never")  # type: ignore[arg-type]
    assert len(stream.environment.pipeline) == steps


def test_functions_that_do_not_fit_are_refused_before_the_job() -> None:
    """The mistake is in the description, so it is found there."""
    env = LocalEnvironment("wrong", kernel="mock")
    keyed = env.from_collection([1]).keyby(_parity)
    keyed.aggregate(lambda: 3)  # type: ignore[arg-type, return-value]
    env.from_collection([1]).on_end(lambda x: [x])  # type: ignore[arg-type, misc]

    with pytest.raises(PipelineError) as caught:
        env.submit()

    assert "aggregate takes a class of AggregateFunction" in str(caught.value)
    assert "callable with 0 arguments" in str(caught.value)
