"""Tests that push what the function does not take, or read what does not come."""

from shared import Add, Keep, Length, ints

from sage_kernel_api import SourceFunction
from sage_kernel_api.testing.collect_sink import CollectSink
from sage_kernel_mock import HarnessMaker, StepHarness


class Numbers(SourceFunction[int]):
    def execute(self) -> int:
        return 1


def a_record_of_a_wrong_type() -> None:
    StepHarness(Length).push(1)  # rejected: arg-type


def constructor_arguments_of_a_wrong_type() -> None:
    StepHarness(Add, "1")  # rejected: call-overload


def the_same_through_the_fixture(step_harness: HarnessMaker) -> None:
    step_harness(Add, "1")  # rejected: call-overload


def outputs_of_a_wrong_type() -> None:
    texts: list[str] = StepHarness(Add, 1).outputs  # rejected: assignment
    print(texts)


def a_record_for_a_source() -> None:
    StepHarness(Numbers).push(1)  # rejected: arg-type


def an_output_of_a_sink() -> None:
    text: list[str] = StepHarness(Keep, "path").outputs  # rejected: assignment
    print(text)


def a_plain_callable_without_its_step() -> None:
    StepHarness(str.upper)  # rejected: call-overload


def a_sink_for_records_of_another_type() -> None:
    ints.sink(CollectSink[str]())  # rejected: arg-type
