"""What a step does with a record that fails: skip it, dead-letter it, try it again.

Layer: testing. Promises of `StepPolicies` and `DeadLetter`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.core.functions import MapFunction, ProcessFunction, ProcessOutput
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.errors import StepError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_same,
    expect_type,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, DeadLetter, JobState

Describe = Callable[[DataStream[int], Any], DataStream[Any]]


def _fail_on_odd(x: int) -> Any:
    if x % 2:
        raise ValueError(x)
    return x


class _Process(ProcessFunction[int, int]):
    def process(self, value: int, out: ProcessOutput[int]) -> None:
        out.collect(_fail_on_odd(value))


KINDS: dict[str, Describe] = {
    "map": lambda stream, on: stream.map(_fail_on_odd, name="fails", on_error=on),
    "filter": lambda stream, on: stream.filter(
        lambda x: _fail_on_odd(x) is not None, name="fails", on_error=on
    ),
    "flatmap": lambda stream, on: stream.flatmap(
        lambda x: [_fail_on_odd(x)], name="fails", on_error=on
    ),
    "keyby": lambda stream, on: stream.keyby(_fail_on_odd, name="fails", on_error=on),
    "reduce": lambda stream, on: stream.keyby(lambda x: x // 2 * 2).reduce(
        lambda a, b: _fail_on_odd(b), name="fails", on_error=on
    ),
    "process": lambda stream, on: stream.process(_Process, name="fails", on_error=on),
}


@promise(Capability.ERROR_POLICIES, variants=KINDS)
def a_skipped_record_is_counted_and_gone(bench: Workbench, describe: Describe) -> None:
    """With `skip`, failing records are dropped and counted; the others pass in order."""
    env = bench.environment()
    got: list[int] = []
    describe(env.from_collection(range(10)), "skip").sink(got.append)

    status = bench.finish(env)

    expect_equal(got, [0, 2, 4, 6, 8], "the records")
    counted = status["steps"].get("fails")
    expect(counted is None or counted["skipped"] == 5, f"the counters are {counted!r}")


@promise(Capability.ERROR_POLICIES, Capability.SIDE_OUTPUTS, variants=KINDS)
def a_dead_letter_tells_all_about_its_record(bench: Workbench, describe: Describe) -> None:
    """With `dead_letter`, a failing record goes to that output, with step, error and attempts."""
    env = bench.environment()
    letters: list[DeadLetter] = []
    got: list[int] = []
    stream = describe(env.from_collection(range(4)), "dead_letter")
    stream.dead_letters().sink(letters.append)
    stream.sink(got.append)

    bench.finish(env)

    expect_equal(got, [0, 2], "the other records")
    expect_equal([letter.value for letter in letters], [1, 3], "the records of the letters")
    for letter in letters:
        expect_equal((letter.step, letter.attempts), ("fails", 1), "step and attempts")
        expect_equal(repr(letter.error), f"ValueError({letter.value})", "the error")


@promise(Capability.ERROR_POLICIES)
def an_unread_dead_letter_is_counted(bench: Workbench) -> None:
    """Dead letters that nobody reads do not disturb the job; the counters have them."""
    env = bench.environment()
    env.from_collection(range(6)).map(_fail_on_odd, name="fails", on_error="dead_letter").sink(
        lambda record: None
    )

    status = bench.finish(env)

    counted = status["steps"].get("fails")
    expect(counted is None or counted["dead_lettered"] == 3, f"the counters are {counted!r}")


@promise(Capability.ERROR_POLICIES)
def a_sink_may_skip(bench: Workbench) -> None:
    """Policies hold for sinks, too."""
    got: list[int] = []
    env = bench.environment()
    env.from_collection(range(6)).sink(
        lambda x: got.append(_fail_on_odd(x)), name="fails", on_error="skip"
    )

    bench.finish(env)

    expect_equal(got, [0, 2, 4], "the records")


@promise(Capability.ERROR_POLICIES, Capability.SIDE_OUTPUTS)
def a_dead_letter_has_the_very_exception(bench: Workbench) -> None:
    """The error of a letter is what the function raised: the same object."""
    cause = ValueError("bad")

    def fail(record: int) -> int:
        raise cause

    env = bench.environment()
    stream = env.from_collection([1]).map(fail, on_error="dead_letter")

    letters = bench.collect(stream.dead_letters())

    expect_same(letters[0].error, cause, "the error of the letter")


@promise(Capability.ERROR_POLICIES)
def a_step_without_a_policy_still_fails_the_job(bench: Workbench) -> None:
    """The policy of one step is not that of the others."""
    env = bench.environment()
    stream = env.from_collection([1]).map(_fail_on_odd, on_error="skip")
    env.from_collection([1]).map(_fail_on_odd, name="fails").sink(lambda record: None)
    stream.sink(lambda record: None)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_equal(error.step, "fails", "the step")


@promise(Capability.ERROR_POLICIES)
def an_environment_may_set_the_policy_of_all(bench: Workbench) -> None:
    """`set_policies` of the environment holds for steps that do not say otherwise."""
    env = bench.environment()
    env.set_policies(on_error="skip")

    got = bench.collect(env.from_collection(range(6)).map(_fail_on_odd))

    expect_equal(got, [0, 2, 4], "the records")


@promise(Capability.ERROR_POLICIES)
def a_policy_is_for_records_only(bench: Workbench) -> None:
    """`open` and `close` fail the job whatever the policy says."""

    class Fails(MapFunction[int, int]):
        def open(self) -> None:
            raise ValueError("bad")

        def execute(self, data: int) -> int:
            return data

    env = bench.environment()
    env.from_collection([1]).map(Fails, on_error="skip").sink(lambda record: None)

    expect_equal(bench.run(env)["state"], JobState.FAILED, "the state")


@promise(Capability.ERROR_POLICIES)
def a_failing_record_does_not_take_its_neighbours(bench: Workbench) -> None:
    """In a long stream exactly the failing records are missing, at every step of the chain."""
    env = bench.environment()
    stream = env.from_collection(range(3_000)).map(lambda x: x)
    third = stream.map(lambda x: 1 / (x % 3) and x, on_error="skip")
    fifth = third.flatmap(lambda x: [1 / (x % 5) and x], on_error="skip")

    got = bench.collect(fifth)

    expect_equal(got, [x for x in range(3_000) if x % 3 and x % 5], "the records")


@promise(Capability.ERROR_POLICIES, Capability.KEYED_ROUTING)
def a_key_survives_the_failure_before_it(bench: Workbench) -> None:
    """After a skipped record the next one has its own key."""

    class Key(MapFunction[int, Any]):
        def execute(self, data: int) -> Any:
            _fail_on_odd(data)
            return self.ctx.get_key()

    env = bench.environment()
    stream = env.from_collection(range(5)).keyby(lambda x: f"k{x}").map(Key, on_error="skip")

    expect_equal(bench.collect(stream), ["k0", "k2", "k4"], "the keys")
