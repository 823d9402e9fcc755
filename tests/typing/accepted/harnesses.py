"""Steps under test, scripts and sinks: what comes out is known from the function."""

from typing import Never, assert_type

from shared import Add, Count, FirstLetter, IsLong, Keep, Length, PairUp, Split, env, ints

from sage_kernel_api import (
    AsyncMapFunction,
    BaseCoMapFunction,
    DataStream,
    OutputTag,
    ProcessFunction,
    ProcessOutput,
    ReduceFunction,
)
from sage_kernel_api.testing.collect_sink import CollectSink
from sage_kernel_api.testing.script import ABORT, EOF, PAUSE, WATERMARK, scripted_source
from sage_kernel_mock import HarnessMaker, MockKernelFacade, Sent, StateSaved, StepHarness


class Both(BaseCoMapFunction):
    def map0(self, data: int) -> bytes:
        return bytes(data)

    def map1(self, data: str) -> float:
        return float(data)


class Ask(AsyncMapFunction[str, bytes]):
    async def execute(self, data: str) -> bytes:
        return data.encode()


class Sort(ProcessFunction[str, int]):
    def process(self, value: str, out: ProcessOutput[int]) -> None:
        out.collect(len(value))


class Longer(ReduceFunction[str]):
    def execute(self, accumulated: str, data: str) -> str:
        return max(accumulated, data)


def harness_of_a_map() -> None:
    assert_type(StepHarness(Length), StepHarness[str, int])
    assert_type(StepHarness(Add, 1).outputs, list[int])


def harness_in_a_block_and_configured() -> None:
    with StepHarness(Add, by=1).configure(name="add") as step:
        assert_type(step.take_outputs(), list[int])
    assert_type(step.keyed_outputs[0][1], int)


def harness_of_an_asynchronous_map() -> None:
    assert_type(StepHarness(Ask).outputs, list[bytes])


def harness_of_a_filter_a_keyby_and_a_reduce() -> None:
    assert_type(StepHarness(IsLong, least=2), StepHarness[str, str])
    assert_type(StepHarness(FirstLetter), StepHarness[str, str])
    assert_type(StepHarness(Longer), StepHarness[str, str])


def harness_of_a_flatmap_and_a_process() -> None:
    assert_type(StepHarness(Split).outputs, list[str])
    assert_type(StepHarness(Sort), StepHarness[str, int])
    assert_type(StepHarness(Sort).side_output(OutputTag[bytes]("late")), list[bytes])


def harness_of_a_sink_and_a_source() -> None:
    assert_type(StepHarness(Keep, "path"), StepHarness[str, Never])
    assert_type(StepHarness(Count, 3).run(), list[int])


def harness_of_several_inputs() -> None:
    assert_type(StepHarness(PairUp).outputs, list[tuple[str, int]])
    assert_type(StepHarness(Both), StepHarness[int | str, bytes | float])


def harness_of_callables() -> None:
    # mypy needs no subscript here; pyright does.
    assert_type(StepHarness[str, str].map(str.upper).outputs, list[str])
    assert_type(StepHarness[int, float].map(lambda x: x / 2).outputs, list[float])
    described = StepHarness[int, str].of(lambda stream: stream.map(str, on_error="skip"))
    assert_type(described.outputs, list[str])


def harness_from_the_fixture(step_harness: HarnessMaker) -> None:
    assert_type(step_harness(Add, 1).outputs, list[int])


def scripted_records() -> None:
    stream = scripted_source(env, 1, PAUSE(2), 2, ABORT, EOF)
    assert_type(stream, DataStream[int])
    timed = scripted_source(env, "a", WATERMARK(2), PAUSE(1), "b", time_of=lambda word: len(word))
    assert_type(timed, DataStream[str])
    StepHarness[str, str].map(str.upper).play("a", WATERMARK(2), PAUSE(1), "b", EOF)
    sink = CollectSink[int]()
    ints.sink(sink)
    assert_type(sink.records, list[int])


def typed_journal(kernel: MockKernelFacade) -> None:
    assert_type(kernel.journal.all_of(Sent), list[Sent])
    assert_type(kernel.journal.all_of(StateSaved)[0].key, str)
