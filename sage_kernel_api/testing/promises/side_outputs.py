"""Named outputs of a step beside its main one.

Layer: testing. Promises of `Capability.SIDE_OUTPUTS`.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.core.functions import MapFunction, OutputTag, ProcessFunction, ProcessOutput
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability

_ODD = OutputTag[int]("odd")
_ALL = OutputTag[int]("all")
_NONE = OutputTag[int]("none")


class _Sort(ProcessFunction[int, int]):
    """Even numbers to the main output, odd ones to the side, all to another side."""

    def process(self, value: int, out: ProcessOutput[int]) -> None:
        out.output(_ALL, value)
        if value % 2:
            out.output(_ODD, value)
        else:
            out.collect(value)


@promise(Capability.SIDE_OUTPUTS)
def each_output_has_its_own_records(bench: Workbench) -> None:
    """A record goes to the output that it was sent to, in order, and to no other one."""
    env = bench.environment()
    sorted_stream = env.from_collection(range(100)).process(_Sort)
    odd: list[int] = []
    everything: list[int] = []
    even: list[int] = []
    sorted_stream.get_side_output(_ODD).sink(odd.append)
    sorted_stream.get_side_output(_ALL).sink(everything.append)
    sorted_stream.sink(even.append)

    bench.finish(env)

    expect_equal(odd, list(range(1, 100, 2)), "the side output 'odd'")
    expect_equal(everything, list(range(100)), "the side output 'all'")
    expect_equal(even, list(range(0, 100, 2)), "the main output")


@promise(Capability.SIDE_OUTPUTS)
def an_output_that_nobody_reads_is_dropped_by_design(bench: Workbench) -> None:
    """Records of an unread side output disappear; the job finishes."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(6)).process(_Sort))

    expect_equal(got, [0, 2, 4], "the main output")


@promise(Capability.SIDE_OUTPUTS)
def an_output_without_records_is_empty(bench: Workbench) -> None:
    """A side output that nothing is sent to gives nothing, not the main records."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(6)).process(_Sort).get_side_output(_NONE))

    expect_equal(got, [], "the side output")


@promise(Capability.SIDE_OUTPUTS)
def a_side_output_may_have_several_readers(bench: Workbench) -> None:
    """Two steps behind one side output get all its records each."""
    env = bench.environment()
    odd = env.from_collection(range(10)).process(_Sort).get_side_output(_ODD)
    readers: list[list[int]] = [[], []]
    odd.sink(readers[0].append)
    odd.map(lambda x: -x).sink(readers[1].append)

    bench.finish(env)

    expect_equal(readers, [[1, 3, 5, 7, 9], [-1, -3, -5, -7, -9]], "both readers")


@promise(Capability.SIDE_OUTPUTS)
def only_the_side_output_may_be_read(bench: Workbench) -> None:
    """The main output need not lead anywhere."""
    env = bench.environment()
    got: list[int] = []
    env.from_collection(range(5)).process(_Sort).get_side_output(_ODD).sink(got.append)

    bench.finish(env)

    expect_equal(got, [1, 3], "the side output")


class _Key(MapFunction[Any, tuple[Any, Any]]):
    def execute(self, data: Any) -> tuple[Any, Any]:
        return data, self.ctx.get_key()


@promise(Capability.SIDE_OUTPUTS, Capability.KEYED_ROUTING)
def a_record_keeps_its_key_on_a_side_output(bench: Workbench) -> None:
    """The key of a record is the same on every output."""
    env = bench.environment()
    keyed = env.from_collection([1, 2, 3]).keyby(lambda x: f"k{x}").process(_Sort)

    got = bench.collect(keyed.get_side_output(_ODD).map(_Key))

    expect_equal(got, [(1, "k1"), (3, "k3")], "records and keys")


@promise(Capability.SIDE_OUTPUTS)
def side_and_main_output_may_meet_again(bench: Workbench) -> None:
    """A union of both outputs has the records of both."""
    env = bench.environment()
    sorted_stream = env.from_collection(range(20)).process(_Sort)

    got = bench.collect(sorted_stream.union(sorted_stream.get_side_output(_ODD)).map(lambda x: x))

    expect_equal(sorted(got), list(range(20)), "the records")


class _Late(ProcessFunction[int, int]):
    def process(self, value: int, out: ProcessOutput[int]) -> None:
        out.collect(value)

    def finish(self, out: ProcessOutput[int]) -> None:
        out.output(_ODD, -1)


@promise(Capability.SIDE_OUTPUTS)
def a_step_may_emit_to_the_side_when_it_finishes(bench: Workbench) -> None:
    """Records that `finish` sends to a side output arrive."""
    env = bench.environment()

    got = bench.collect(env.from_collection([1]).process(_Late).get_side_output(_ODD))

    expect_equal(got, [-1], "the side output")
