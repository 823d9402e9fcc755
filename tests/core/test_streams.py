"""What a described pipeline does to records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api import (
    BaseCoMapFunction,
    BaseJoinFunction,
    DeadLetter,
    FieldKeyByFunction,
    FileSink,
    FlatMapFunction,
    JobFailedError,
    LocalEnvironment,
    MapFunction,
    OutputTag,
    ProcessFunction,
    ProcessOutput,
    RangeBatchIteratorFunction,
    SourceFunction,
    StopSignal,
)


class Add(MapFunction[int, int]):
    def __init__(self, by: int) -> None:
        self.by = by

    def execute(self, data: int) -> int:
        return data + self.by


class Twice(FlatMapFunction[int, int]):
    def execute(self, data: int) -> list[int]:
        self.collect(data)
        self.out.collect(data + 1)
        return [data + 2]


class KeyAndValue(MapFunction[int, tuple[Any, int]]):
    def execute(self, data: int) -> tuple[Any, int]:
        return self.ctx.get_key(), data


class Named(BaseCoMapFunction):
    def map0(self, data: int) -> str:
        return f"0:{data}"

    def map1(self, data: int) -> str:
        return f"1:{data}"

    def map2(self, data: int) -> str:
        return f"2:{data}"


class Pair(BaseJoinFunction[str, int, int, tuple[str, int, int]]):
    def __init__(self) -> None:
        self.seen: dict[str, tuple[int, int]] = {}

    def execute(self, payload: int, key: str, tag: int) -> list[tuple[str, int, int]]:
        if key not in self.seen:
            self.seen[key] = (tag, payload)
            return []
        other_tag, other = self.seen[key]
        assert other_tag != tag
        return [(key, payload, other) if tag == 0 else (key, other, payload)]


ODD = OutputTag[int]("odd")


class Sort(ProcessFunction[int, int]):
    def process(self, value: int, out: ProcessOutput[int]) -> None:
        if value % 2:
            out.output(ODD, value)
        else:
            out.collect(value)

    def finish(self, out: ProcessOutput[int]) -> None:
        out.collect(-1)


def cause_of(env: LocalEnvironment) -> BaseException | None:
    with pytest.raises(JobFailedError) as caught:
        env.wait()
    return caught.value.__cause__


def test_a_class_a_callable_and_a_partial_of_a_class_all_make_steps(env: LocalEnvironment) -> None:
    """Users must not have to wrap what they have."""
    stream = env.from_collection([1, 2]).map(Add, 1).map(Add, by=1).map(partial(Add, 1))

    assert stream.map(lambda x: x * 10).execute_and_collect() == [40, 50]


def test_none_is_a_record_like_any_other(env: LocalEnvironment) -> None:
    """SAGE ended or dropped at None; a job would lose rows without a word."""
    stream = env.from_collection([None, 1, None]).map(lambda x: x)

    assert stream.execute_and_collect() == [None, 1, None]


def test_a_map_drops_none_under_the_policy_that_says_so(env: LocalEnvironment) -> None:
    """Programs of SAGE's authors rely on it."""
    env.set_policies(none_result="drop")
    stream = env.from_collection([1, 2, 3]).map(lambda x: None if x == 2 else x)

    assert stream.execute_and_collect() == [1, 3]
    assert stream.set_policies(none_result="value").execute_and_collect() == [1, None, 3]


def test_a_step_used_by_two_branches_feeds_both(env: LocalEnvironment) -> None:
    """SAGE lost the second branch of a fan-out."""
    left: list[int] = []
    right: list[int] = []
    stream = env.from_collection([1, 2])

    stream.map(Add, 1).sink(left.append)
    stream.map(Add, 2).sink(right.append)
    env.submit(autostop=True)

    assert (left, right) == ([2, 3], [3, 4])


def test_sink_returns_its_stream_so_that_the_chain_goes_on(env: LocalEnvironment) -> None:
    """A sink in the middle of a chain must see every record and change none."""
    seen: list[int] = []

    collected = env.from_collection([1, 2]).sink(seen.append).map(Add, 1).execute_and_collect()

    assert (seen, collected) == ([1, 2], [2, 3])


def test_a_flatmap_emits_what_it_collected_then_what_it_returned(env: LocalEnvironment) -> None:
    """Both styles exist in SAGE programs, also mixed."""
    assert env.from_collection([10]).flatmap(Twice).execute_and_collect() == [10, 11, 12]


def test_a_failed_flatmap_leaves_nothing_to_the_next_record(env: LocalEnvironment) -> None:
    """A skipped record's half results would appear under another record."""

    class Half(FlatMapFunction[int, int]):
        def execute(self, data: int) -> None:
            self.collect(data)
            if data == 1:
                raise ValueError("half way")

    assert env.from_collection([1, 2]).flatmap(Half, on_error="skip").execute_and_collect() == [2]


@pytest.mark.parametrize("parallelism", [1, 2, 4])
@given(st.lists(st.sampled_from([0, "", None, False, b"", (), "a", 7])))
def test_reduce_counts_every_key_at_any_parallelism(
    new_env: Callable[[], LocalEnvironment], parallelism: int, keys: list[Any]
) -> None:
    """Falsy keys went round robin in SAGE, and their counts were wrong."""
    env = new_env()
    counted = env.from_collection(keys).keyby(lambda key: key).map(KeyAndValueAsOne)
    counts = counted.keyby(lambda pair: pair[0]).reduce(
        lambda a, b: (a[0], a[1] + b[1]), parallelism=parallelism
    )

    last = dict(counts.execute_and_collect())

    assert last == dict(Counter(keys))


class KeyAndValueAsOne(MapFunction[Any, tuple[Any, int]]):
    def execute(self, data: Any) -> tuple[Any, int]:
        return self.ctx.get_key(), 1


def test_a_record_keeps_its_key_through_keyless_steps(env: LocalEnvironment) -> None:
    """`ctx.get_key()` is asked far behind the keyby in SAGE programs."""
    stream = env.from_collection([1, 2]).keyby(lambda x: x % 2).map(Add, 0).map(KeyAndValue)

    assert stream.execute_and_collect() == [(1, 1), (0, 2)]


def test_a_field_names_the_key(env: LocalEnvironment) -> None:
    """Keying by field is the most common selector."""
    rows = [{"user": "ann", "n": 1}, {"user": "bob", "n": 2}]
    keyed = env.from_collection(rows).keyby(FieldKeyByFunction, "user")

    assert keyed.map(KeyAndRow).execute_and_collect() == ["ann", "bob"]


class KeyAndRow(MapFunction[Any, Any]):
    def execute(self, data: Any) -> Any:
        return self.ctx.get_key()


def test_comap_takes_one_function_per_input(env: LocalEnvironment) -> None:
    """SAGE refused lambdas here."""
    streams = [env.from_collection([n]) for n in range(3)]
    connected = streams[0].connect(streams[1]).connect(streams[2])

    by_class = connected.comap(Named)
    by_callables = connected.comap(lambda x: f"a{x}", lambda x: f"b{x}", lambda x: f"c{x}")

    assert sorted(by_class.execute_and_collect()) == ["0:0", "1:1", "2:2"]
    assert sorted(by_callables.execute_and_collect()) == ["a0", "b1", "c2"]


@pytest.mark.parametrize("parallelism", [1, 3])
def test_join_meets_records_under_their_key(env: LocalEnvironment, parallelism: int) -> None:
    """A join that routes both sides differently finds nothing."""
    left = env.from_collection([1, 2, 3], name="left").keyby(str)
    right = env.from_collection([3, 1], name="right").keyby(str)

    joined = left.connect(right).join(Pair, parallelism=parallelism)

    assert sorted(joined.execute_and_collect()) == [("1", 1, 1), ("3", 3, 3)]


def test_union_merges_streams_without_a_step(env: LocalEnvironment) -> None:
    """An extra step per union would cost every record."""
    merged = env.from_collection([1]).union(env.from_collection([2]), env.from_collection([3]))

    assert len(env.pipeline) == 3
    assert sorted(merged.map(Add, 1).execute_and_collect()) == [2, 3, 4]


def test_a_loop_runs_until_it_is_dry(env: LocalEnvironment) -> None:
    """Feedback is how iterative programs are written."""
    loop = env.from_future("again", int)
    halved = env.from_collection([8]).union(loop).map(lambda x: x // 2)
    halved.filter(lambda x: x > 1).fill_future(loop)

    assert halved.execute_and_collect() == [4, 2, 1]


def test_side_outputs_and_finish_reach_their_streams(env: LocalEnvironment) -> None:
    """What a process function holds back must come out at the end."""
    odd: list[int] = []
    sorted_ = env.from_collection([1, 2, 3]).process(Sort)
    sorted_.get_side_output(ODD).sink(odd.append)

    assert sorted_.execute_and_collect() == [2, -1]
    assert odd == [1, 3]


def test_dead_letters_are_a_stream(env: LocalEnvironment) -> None:
    """Nothing may be swallowed (R5)."""
    letters: list[DeadLetter] = []
    stream = env.from_collection([1, 0]).map(lambda x: 1 // x, on_error="dead_letter")
    stream.dead_letters().sink(letters.append)

    assert stream.execute_and_collect() == [1]
    assert [(letter.value, type(letter.error)) for letter in letters] == [(0, ZeroDivisionError)]


@pytest.mark.parametrize("parallelism", [1, 2, 4])
@pytest.mark.parametrize("make", [list, tuple, set, lambda items: items])
def test_a_collection_is_split_over_instances(
    env: LocalEnvironment, make: Any, parallelism: int
) -> None:
    """Each record exactly once, however many sources read."""
    stream = env.from_collection(make(range(10)), parallelism=parallelism).map(Add, 0)

    assert sorted(stream.execute_and_collect()) == list(range(10))


def test_sources_end_by_stop_signal_and_batches_also_by_none(env: LocalEnvironment) -> None:
    """A source's None means "nothing now"; taking it for the end would lose what follows."""

    class Slow(SourceFunction[int]):
        def __init__(self) -> None:
            self.answers: list[int | StopSignal | None] = [1, None, 2, StopSignal("done")]

        def execute(self) -> int | StopSignal | None:
            return self.answers.pop(0)

    assert env.from_source(Slow).execute_and_collect() == [1, 2]
    assert env.from_batch(RangeBatchIteratorFunction, 0, 3).execute_and_collect() == [0, 1, 2]
    assert env.from_batch("ab").execute_and_collect() == ["a", "b"]


def test_what_a_source_gave_before_it_failed_is_delivered(env: LocalEnvironment) -> None:
    """Records of a frame must not vanish with the exception after them."""
    seen: list[int] = []
    numbers = iter([1, 2])
    env.from_source(lambda: next(numbers)).sink(seen.append)

    env.submit()

    assert isinstance(cause_of(env), StopIteration)
    assert seen == [1, 2]


def test_a_source_may_end_at_its_first_exception_by_policy(env: LocalEnvironment) -> None:
    """Old SAGE programs end their sources that way."""
    numbers = iter([1, 2])

    stream = env.from_source(lambda: next(numbers), source_error="end")

    assert stream.execute_and_collect() == [1, 2]


def test_keyby_broadcast_gives_every_instance_every_record(env: LocalEnvironment) -> None:
    """SAGE ignored the strategy."""
    stream = env.from_collection([1, 2]).keyby(lambda x: x, strategy="broadcast")

    assert sorted(stream.map(Add, 0, parallelism=2).execute_and_collect()) == [1, 1, 2, 2]


def test_take_returns_the_first_records(env: LocalEnvironment) -> None:
    """A look at the data must not need the whole of it."""
    assert env.from_collection(range(10)).take(3) == [0, 1, 2]
    assert env.from_collection([1]).take(3) == [1]


def test_print_writes_to_stdout_because_the_user_asked(
    env: LocalEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing else of ours goes there."""
    env.from_collection([1, 2]).print("n", ": ")
    env.submit(autostop=True)

    assert capsys.readouterr().out == "n: 1\nn: 2\n"


def test_files_are_read_and_written(env: LocalEnvironment, tmp_path: Path) -> None:
    """The simplest job of all: file in, file out."""
    (tmp_path / "in").write_text("a\nb\n")

    env.from_text_file(tmp_path / "in").map(str.upper).sink(FileSink, tmp_path / "out")
    env.submit(autostop=True)

    assert (tmp_path / "out").read_text() == "A\nB\n"


def test_peek_and_broadcast_and_rebalance_change_no_record(env: LocalEnvironment) -> None:
    """Routing is not a step."""
    seen: list[int] = []
    stream = env.from_collection([1, 2]).peek(seen.append)

    balanced = stream.rebalance().map(Add, 0, parallelism=2)

    assert sorted(balanced.execute_and_collect()) == [1, 2]
    assert seen == [1, 2]
    assert sorted(stream.broadcast().map(Add, 0, parallelism=2).execute_and_collect()) == [
        1,
        1,
        2,
        2,
    ]
