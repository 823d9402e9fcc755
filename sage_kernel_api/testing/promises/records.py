"""Records pass every step once, in order, whatever they are.

Layer: testing. Promises of `ExecutionContext.send_data` and of the kinds in `runnable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from sage_kernel_api.core.functions import FlatMapFunction, ProcessFunction, ProcessOutput
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_same
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import DeadLetter, Packet, StopSignal


class _Plain:
    """A user's object, equal to nothing but itself."""


VALUES: Final[dict[str, Any]] = {
    "None": None,
    "zero": 0,
    "False": False,
    "an empty text": "",
    "empty bytes": b"",
    "an empty tuple": (),
    "an empty list": [],
    "an empty dictionary": {},
    "a fraction that is no number": float("nan"),
    "a huge number": 1 << 4000,
    "a list of None": [None, None],
    "an exception": ValueError("a record like any other"),
    "a class": dict,
    "a function": len,
    "a stop signal": StopSignal("a record like any other"),
    "a packet": Packet(None, 3),
    "a dead letter": DeadLetter(1, "a", ValueError("x")),
    "not implemented": NotImplemented,
    "an ellipsis": ...,
    "a user's object": _Plain(),
    "a generator": (number for number in range(3)),
}
SIZES: Final[dict[str, int]] = {
    str(size): size for size in (0, 1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 4095, 4096, 4097)
}


@promise(Profile.DELIVERY, variants=VALUES)
def any_value_is_a_record(bench: Workbench, value: Any) -> None:
    """A value passes as the same object, and ends, skips or splits nothing."""
    env = bench.environment()
    stream = env.from_collection(["before", value, "after"])

    got = bench.collect(stream.map(lambda record: record).filter(lambda record: True))

    expect_equal(len(got), 3, "the number of records")
    expect_same(got[1], value, "the record")


@promise(Profile.DELIVERY, variants=VALUES)
def any_result_is_a_record(bench: Workbench, value: Any) -> None:
    """What a map returns is the next record, whatever it is."""
    env = bench.environment()

    got = bench.collect(env.from_collection([1, 2]).map(lambda _: value))

    expect_equal(len(got), 2, "the number of records")
    expect_same(got[0], value, "the record")


@promise(Profile.DELIVERY, variants=SIZES)
def every_record_arrives_once_and_in_order(bench: Workbench, size: int) -> None:
    """No record is lost, doubled or overtaken, also around the sizes of frames."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(size)).map(lambda x: x).filter(lambda x: True))

    expect_equal(got, list(range(size)), "the records")


@promise(Profile.DELIVERY, variants={str(size): size for size in (1, 17, 257, 4097)})
def records_of_a_single_look_source_arrive(bench: Workbench, size: int) -> None:
    """The same, for a source that is asked for each record."""
    env = bench.environment()
    numbers = iter(range(size))

    got = bench.collect(env.from_source(lambda: next(numbers, StopSignal())))

    expect_equal(got, list(range(size)), "the records")


@promise(Profile.DELIVERY, variants={str(length): length for length in (1, 10, 300)})
def a_chain_may_be_long(bench: Workbench, length: int) -> None:
    """A record passes all steps of a chain; a long one needs no deep stack."""
    env = bench.environment()
    stream = env.from_collection([0, 10])
    for _ in range(length):
        stream = stream.map(lambda x: x + 1)

    expect_equal(bench.collect(stream), [length, 10 + length], "the records")


PASSES: dict[str, tuple[Callable[[int], Any], bool]] = {
    "True": (lambda x: True, True),
    "a number": (lambda x: 2, True),
    "a text": (lambda x: "no", True),
    "a list": (lambda x: [0], True),
    "False": (lambda x: False, False),
    "None": (lambda x: None, False),
    "zero": (lambda x: 0, False),
    "an empty text": (lambda x: "", False),
}


@promise(Profile.DELIVERY, variants=PASSES)
def a_filter_forwards_the_record_if_the_result_is_true(
    bench: Workbench, case: tuple[Callable[[int], Any], bool]
) -> None:
    """The record itself passes, and only where Python takes the result for true."""
    judge, passes = case
    env = bench.environment()

    got = bench.collect(env.from_collection([7]).filter(judge))

    expect_equal(got, [7] if passes else [], "the records")


RESULTS: dict[str, tuple[Callable[[Any], Any], list[Any]]] = {
    "None": (lambda x: None, []),
    "an empty list": (lambda x: [], []),
    "a list": (lambda x: [x, None, x], [1, None, 1, 2, None, 2]),
    "a tuple": (lambda x: (x,), [1, 2]),
    "a text": (lambda x: "ab", ["a", "b", "a", "b"]),
    "a generator": (lambda x: (x * n for n in range(2)), [0, 1, 0, 2]),
    "a dictionary": (lambda x: {x: 0}, [1, 2]),
    "a range": (lambda x: range(300), [*range(300), *range(300)]),
}


@promise(Profile.DELIVERY, variants=RESULTS)
def a_flatmap_forwards_each_item(
    bench: Workbench, case: tuple[Callable[[Any], Any], list[Any]]
) -> None:
    """Every item of the result is a record; None is none at all."""
    split, expected = case
    env = bench.environment()

    expect_equal(bench.collect(env.from_collection([1, 2]).flatmap(split)), expected, "the records")


@promise(Profile.DELIVERY)
def collected_records_come_before_returned_ones(bench: Workbench) -> None:
    """A flatmap forwards what was collected first, then the items of the result."""

    class Both(FlatMapFunction[int, str]):
        def execute(self, data: int) -> Iterable[str]:
            self.collect(f"collected {data}")
            return [f"returned {data}"]

    env = bench.environment()

    got = bench.collect(env.from_collection([1, 2]).flatmap(Both))

    expect_equal(got, ["collected 1", "returned 1", "collected 2", "returned 2"], "the records")


@promise(Profile.DELIVERY)
def a_process_step_emits_any_number(bench: Workbench) -> None:
    """A process step emits none, one or many records, and more when its inputs have ended."""

    class Repeats(ProcessFunction[int, int]):
        def process(self, value: int, out: ProcessOutput[int]) -> None:
            for _ in range(value):
                out.collect(value)

        def finish(self, out: ProcessOutput[int]) -> None:
            out.collect(-1)

    env = bench.environment()

    got = bench.collect(env.from_collection([2, 0, 1]).process(Repeats))

    expect_equal(got, [2, 2, 1, -1], "the records")


@promise(Profile.DELIVERY)
def what_a_sink_returns_is_ignored(bench: Workbench) -> None:
    """A sink may return anything; the chain behind `sink` goes on with the stream before it."""
    env = bench.environment()
    stream = env.from_collection([1, 2])
    same = stream.sink(lambda record: [record, record])

    expect_equal(bench.collect(same), [1, 2], "the records of the stream")


@promise(Profile.DELIVERY)
def a_record_is_handed_on_by_reference(bench: Workbench) -> None:
    """Inside a process a record is not copied: the sink has the object of the source."""
    records = [[1], [2]]
    env = bench.environment()

    got = bench.collect(env.from_collection(records).map(lambda record: record))

    expect(all(one is other for one, other in zip(got, records, strict=True)), "a copy arrived")


@promise(Profile.DELIVERY)
def a_sink_fills_the_list_of_the_program(bench: Workbench) -> None:
    """Functions travel as live objects in one process: `sink(results.append)` fills that list."""
    results: list[int] = []
    env = bench.environment()
    env.from_collection([1, 2, 3]).sink(results.append)

    bench.finish(env)

    expect_equal(results, [1, 2, 3], "the list")
