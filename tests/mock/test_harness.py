"""One step under test: every kind of function that users write, without a pipeline."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any, Never

import pytest

from sage_kernel_api import (
    AsyncMapFunction,
    BaseCoMapFunction,
    BaseJoinFunction,
    BatchFunction,
    BlockSourceFunction,
    DataStream,
    FilterFunction,
    FlatMapFunction,
    KeyByFunction,
    ListState,
    LocalEnvironment,
    MapFunction,
    OutputTag,
    ProcessFunction,
    ProcessOutput,
    ReduceFunction,
    SinkFunction,
    SourceFunction,
    StopSignal,
    ValueState,
    retry,
)
from sage_kernel_api.errors import (
    CapabilityError,
    ConfigurationError,
    InterfaceError,
    JobStateError,
    PipelineError,
    ServiceNotFoundError,
    StateError,
)
from sage_kernel_api.runnable import SourcePoll
from sage_kernel_api.testing.script import EOF, PAUSE, scripted_source
from sage_kernel_mock import MockKernelFacade, Processed, StepHarness


class Scale(MapFunction[int, str]):
    def __init__(self, by: int, unit: str = "m") -> None:
        self.by = by
        self.unit = unit

    def execute(self, data: int) -> str:
        return f"{data * self.by}{self.unit}"


class Even(FilterFunction[int]):
    def execute(self, data: int) -> bool:
        return data % 2 == 0


class Words(FlatMapFunction[str, str]):
    def execute(self, data: str) -> list[str]:
        self.collect(data)
        return data.split()


class FirstLetter(KeyByFunction[str, str]):
    def execute(self, data: str) -> str:
        return data[0]


class Largest(ReduceFunction[int]):
    def execute(self, accumulated: int, data: int) -> int:
        return max(accumulated, data)


LATE = OutputTag[str]("late")


class Sort(ProcessFunction[str, int]):
    def __init__(self) -> None:
        self.held = 0

    def process(self, value: str, out: ProcessOutput[int]) -> None:
        if value.isdigit():
            self.held += int(value)
            out.collect(int(value))
        else:
            out.output(LATE, value)

    def finish(self, out: ProcessOutput[int]) -> None:
        out.collect(self.held)


class Pair(BaseJoinFunction[str, int, str, tuple[int, str]]):
    def __init__(self) -> None:
        self.left: dict[str, int] = {}

    def execute(self, payload: int | str, key: str, tag: int) -> list[tuple[int, str]]:
        if isinstance(payload, int):
            self.left[key] = payload
            return []
        return [(self.left[key], payload)] if key in self.left else []


class Both(BaseCoMapFunction):
    def map0(self, data: int) -> str:
        return f"number {data}"

    def map1(self, data: str) -> str:
        return f"text {data}"


class All(BaseCoMapFunction):
    def map0(self, data: int) -> int:
        return data

    def map1(self, data: int) -> int:
        return -data

    def map2(self, data: int) -> int:
        return 10 * data


class Keep(SinkFunction[int]):
    def open(self) -> None:
        self.kept: list[int] = []

    def execute(self, data: int) -> None:
        self.kept.append(data)


class Countdown(SourceFunction[int]):
    def __init__(self, start: int) -> None:
        self.left = start

    def execute(self) -> int | StopSignal | None:
        self.left -= 1
        if self.left == 1:
            return None
        return self.left if self.left >= 0 else StopSignal()


class Lines(BatchFunction[str]):
    def open(self) -> None:
        self.lines = iter(["a", "b"])

    def execute(self) -> str | None:
        return next(self.lines, None)


class Ask(AsyncMapFunction[float, float]):
    async def open_async(self) -> None:
        self.asked = 0

    async def execute(self, data: float) -> float:
        self.asked += 1
        await asyncio.sleep(data)
        return data


class Count(MapFunction[str, int]):
    seen = ValueState(0)
    words = ListState[str]()

    def execute(self, data: str) -> int:
        self.seen.set(self.seen.get() + 1)
        self.words.append(data)
        return self.seen.get()


# --- each kind of function ---------------------------------------------------------------------


def test_a_map_with_its_constructor_arguments() -> None:
    """The most common step of all."""
    with StepHarness(Scale, 2, unit="km") as step:
        step.push(1)
        step.push_all([2, 3])

    assert step.outputs == ["2km", "4km", "6km"]


def test_a_filter() -> None:
    with StepHarness(Even) as step:
        step.push_all(range(5))

    assert step.outputs == [0, 2, 4]


def test_a_flatmap_with_collected_and_returned_records() -> None:
    with StepHarness(Words) as step:
        step.push("to be")

    assert step.outputs == ["to be", "to", "be"]


def test_a_keyby_shows_the_keys() -> None:
    with StepHarness(FirstLetter) as step:
        step.push_all(["ann", "bob"])

    assert step.keyed_outputs == [("a", "ann"), ("b", "bob")]


def test_a_reduce_keeps_one_value_per_key() -> None:
    with StepHarness(Largest) as step:
        step.push_all([1, 3, 2], key="a")
        step.push(0, key="b")

    assert step.keyed_outputs == [("a", 1), ("a", 3), ("a", 3), ("b", 0)]


def test_a_process_function_with_its_side_output_and_its_end() -> None:
    with StepHarness(Sort) as step:
        step.push_all(["1", "x", "2"])
        step.finish()

    assert step.outputs == [1, 2, 3]
    assert step.side_output(LATE) == ["x"]


def test_a_join_takes_records_of_two_inputs_under_their_key() -> None:
    with StepHarness(Pair) as step:
        step.push(1, key="a", input_index=0)
        step.push("x", key="b", input_index=1)
        step.push("y", key="a", input_index=1)

    assert step.outputs == [(1, "y")]


def test_comaps_of_two_and_three_inputs() -> None:
    with StepHarness(Both) as two, StepHarness(All) as three:
        two.push(1)
        two.push("x", input_index=1)
        for index in range(3):
            three.push(index + 1, input_index=index)

    assert two.outputs == ["number 1", "text x"]
    assert three.outputs == [1, -2, 30]


def test_a_sink_is_looked_at_through_its_function() -> None:
    with StepHarness(Keep) as step:
        step.push_all([1, 2])

        assert step.function.kept == [1, 2]
    assert step.outputs == []
    assert step.metrics["records_in"] == 2, "what happened stays readable after the end"
    assert step.function.kept == [1, 2]


def test_sources_are_asked_once_or_to_their_end() -> None:
    with StepHarness(Countdown, 4) as step, StepHarness(Lines) as lines:
        assert step.poll() == [3]
        assert step.run(limit=1) == [2]
        assert step.poll() == []  # nothing now
        endings = [step.has_ended]
        assert step.run() == [0]
        endings.append(step.has_ended)
        assert endings == [False, True]
        assert step.poll() == []
        assert lines.run() == ["a", "b"]
        assert step.outputs == [3, 2, 0]


def test_a_block_source_and_a_script() -> None:
    class Upto(BlockSourceFunction[int]):
        def __init__(self, end: int) -> None:
            self.next, self.end = 0, end

        def poll(self, limit: int) -> SourcePoll:
            begin, self.next = self.next, min(self.next + limit, self.end)
            return SourcePoll(range(begin, self.next), "more" if self.next < self.end else "ended")

        def tell(self) -> int:
            return self.next

        def seek(self, position: int) -> None:
            self.next = position

    with StepHarness(Upto, 3) as step:
        assert step.run() == [0, 1, 2]
    script = StepHarness.of_source(lambda env: scripted_source(env, "a", PAUSE(60), "b", EOF))
    with script:
        assert script.run(limit=1) == ["a"]
        snapshot = script.snapshot()
        assert script.run() == ["b"]
        assert script.clock.now_s == 60
    again = StepHarness.of_source(lambda env: scripted_source(env, "a", PAUSE(60), "b", EOF))
    with again.restore(snapshot):
        assert again.run() == ["b"]


def test_a_source_that_never_has_anything_ends_the_test() -> None:
    """A hanging test tells nothing."""
    idle = StepHarness[Never, int].source(lambda: None)
    with idle as step, pytest.raises(CapabilityError, match="nothing"):
        step.run()


def test_asynchronous_calls_end_as_time_passes() -> None:
    """Nothing sleeps, and the moment of each result is exact."""
    with StepHarness(Ask) as step:
        step.push_all([0.0, 2.0, 1.0])
        assert (step.outputs, step.function.asked) == ([0.0], 3)
        step.advance_processing_time(1.5)
        assert step.outputs == [0.0], "results keep the order of their records"
        step.advance_processing_time(0.5)
        assert step.outputs == [0.0, 2.0, 1.0]
        step.push(3600.0)
        step.finish()

    assert step.outputs[-1] == 3600.0
    assert step.clock.now_s == 3602


def test_callables_of_every_sort() -> None:
    """Most steps are lambdas, and they have mistakes as well."""
    seen: list[int] = []
    numbers = iter([1, 2])

    def emit(value: int, out: ProcessOutput[int]) -> None:
        out.collect(value + 1, key=None)

    steps: list[tuple[StepHarness[int, int], list[int]]] = [
        (StepHarness[int, int].map(lambda x: x + 1), [2, 3]),
        (StepHarness[int, int].filter(lambda x: x > 1), [2]),
        (StepHarness[int, int].flatmap(lambda x: [x] * x), [1, 2, 2]),
        (StepHarness[int, int].keyby(lambda x: x), [1, 2]),
        (StepHarness[int, int].reduce(lambda a, b: a + b), [1, 3]),
        (StepHarness.process(emit), [2, 3]),
        (StepHarness[int, int].of(lambda stream: stream.map(lambda x: -x, name="neg")), [-1, -2]),
    ]
    for step, expected in steps:
        with step:
            step.push_all([1, 2])
        assert step.outputs == expected
    with StepHarness.sink(seen.append) as sink:
        sink.push(1)
    with StepHarness.source(lambda: next(numbers, StopSignal())) as source:
        assert source.run() == [1, 2]

    assert seen == [1]


def test_a_partial_of_a_class_is_the_class_with_arguments() -> None:
    with StepHarness(functools.partial(Scale, 3)) as step:
        step.push(1)

    assert step.outputs == ["3m"]


# --- surroundings ------------------------------------------------------------------------------


def test_a_function_calls_scripted_services() -> None:
    """The service is not there, and the test says what it answers."""

    class Look(MapFunction[str, Any]):
        def execute(self, data: str) -> Any:
            return self.call_service("cache", "get", data)

    with StepHarness(Look) as step:
        step.services.answer("cache.get", lambda key: key.upper())
        step.push("a")
        step.services.answer("cache.get", ServiceNotFoundError("gone"))
        with pytest.raises(ServiceNotFoundError):
            step.push("b")

    assert step.outputs == ["A"]
    assert step.journal.actions("cache.get") == ["call_service", "call_service"]


def test_a_function_sees_what_the_test_configured() -> None:
    """Each branch of a function must be reachable."""

    class Where(MapFunction[int, tuple[Any, ...]]):
        def execute(self, data: int) -> tuple[Any, ...]:
            ctx = self.ctx
            return (
                self.name,
                ctx.env_name,
                ctx.get_config("limit"),
                ctx.parallel_index,
                ctx.parallelism,
                ctx.get_key(),
                ctx.should_stop(),
            )

    step = StepHarness(Where).configure(
        name="where", env_name="env", config={"limit": 3}, parallelism=4, parallel_index=2
    )
    with step:
        step.context.facts.should_stop = True
        step.push(1, key="k")

    assert step.outputs == [("where", "env", 3, 2, 4, "k", True)]
    assert step.journal.all_of(Processed, "where[2]") == [(1, 0, "k")]


def test_steps_may_share_a_kernel() -> None:
    """Two steps that talk through a service are tested together."""
    kernel = MockKernelFacade()
    with (
        StepHarness(Even).configure(kernel=kernel) as first,
        StepHarness(Even).configure(kernel=kernel) as second,
    ):
        first.advance_processing_time(2)
        assert second.clock.now_s == 2

    kernel.create_runtime_context({})  # it is not the harness's to shut down
    with pytest.raises(ConfigurationError):
        StepHarness(Even).configure(kernel=kernel).advance_processing_time(-1)


# --- failures ----------------------------------------------------------------------------------


def test_what_the_function_raises_comes_out_as_it_was_raised() -> None:
    """`pytest.raises(ZeroDivisionError)` is what people write."""
    with StepHarness[int, float].map(lambda x: 1 / x) as step:
        with pytest.raises(ZeroDivisionError) as caught:
            step.push(0)
        step.push(2)

    assert step.outputs == [0.5]
    assert caught.value.__cause__ is None
    assert "failed on record 0" in caught.value.__notes__[0]


def test_policies_act_as_on_any_kernel() -> None:
    """R5: what became of a failing record is seen from outside."""
    skipping = StepHarness[int, float].map(lambda x: 1 / x).configure(on_error="skip")
    letters = StepHarness[int, float].map(lambda x: 1 / x)
    letters.configure(on_error=retry(2, delay_s=1, then="dead_letter"), name="divide")
    with skipping, letters:
        skipping.push_all([0, 1])
        letters.push_all([0, 1])

        assert (skipping.outputs, skipping.metrics["skipped"]) == ([1.0], 1)
        assert letters.metrics == {
            "records_in": 2,
            "records_out": 1,
            "skipped": 0,
            "dead_lettered": 1,
            "retries": 2,
        }
    (letter,) = letters.dead_letters
    assert (letter.value, letter.step, letter.attempts) == (0, "divide", 3)
    assert letters.clock.now_s == 3


def test_none_results_can_be_dropped() -> None:
    step = StepHarness[int, Any].map(lambda x: None).configure(none_result="drop")
    with step:
        step.push(1)

    assert step.outputs == []


def test_a_failing_asynchronous_call_is_that_of_its_record() -> None:
    async def fail(x: int) -> int:
        await asyncio.sleep(1)
        raise ValueError(f"no {x}")

    step = StepHarness[int, int].of(lambda stream: stream.map_async(fail))
    with step:
        step.push(7)
        with pytest.raises(ValueError, match="no 7"):
            step.advance_processing_time(1)


def test_planned_faults_hit_the_step_under_test() -> None:
    with StepHarness(Scale, 1).configure(name="scale") as step:
        step.faults.delay("scale", 5, nth=1)
        step.faults.fail("process", "scale", nth=2, error=OSError("cable"))
        step.push(1)
        step.push(2)
        with pytest.raises(OSError, match="cable"):
            step.finish()

    assert step.outputs == ["2m"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: StepHarness(print), InterfaceError, "StepHarness.map"),  # type: ignore[call-overload]
        (lambda: StepHarness(Scale).open(), PipelineError, "by"),  # type: ignore[call-overload]
        (lambda: StepHarness.of(lambda s: s.map(str).map(str)).open(), PipelineError, "2 were"),
        (lambda: StepHarness.of(lambda s: s).open(), PipelineError, "0 were described: none"),
        (lambda: StepHarness(Scale, 1).poll(), PipelineError, "is no source"),
        (lambda: StepHarness(Lines).push("x"), PipelineError, "is a source"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_use_is_told(make: Any, error: type[Exception], message: str) -> None:
    """The message must say what to write instead."""
    with pytest.raises(error, match=message):
        make()


def test_what_open_raises_comes_out_and_close_is_called() -> None:
    """R10: what open() took, close() gives back."""
    did: list[str] = []

    class Fails(SinkFunction[int]):
        def open(self) -> None:
            raise OSError("disk")

        def execute(self, data: int) -> None: ...

        def close(self) -> None:
            did.append("close")

    step = StepHarness(Fails)
    with pytest.raises(OSError, match="disk"):
        step.open()
    step.close()
    step.close()

    assert did == ["close"]
    with pytest.raises(JobStateError, match="was closed"):
        step.push(1)
    with pytest.raises(JobStateError, match="before the first record"):
        step.configure(name="x")


def test_what_the_constructor_raises_comes_out() -> None:
    class Fails(MapFunction[int, int]):
        def __init__(self) -> None:
            raise ValueError("no")

        def execute(self, data: int) -> int:
            return data

    with pytest.raises(ValueError, match="no"):
        StepHarness(Fails).open()


# --- state -------------------------------------------------------------------------------------


def test_keyed_state_is_seen_and_restored_into_a_new_instance() -> None:
    """A step that forgets a field in its state loses data at the first restart."""
    with StepHarness(Count) as step:
        step.push_all(["x", "y"], key="a")
        step.push("z", key="b")
        assert step.keyed_state("seen") == {"a": 2, "b": 1}
        snapshot = step.snapshot()
        step.push("later", key="a")

    with StepHarness(Count).restore(snapshot) as again:
        again.push("w", key="a")
        assert again.keyed_state("words") == {"a": ["x", "y", "w"], "b": ["z"]}

    assert again.outputs == [3]
    assert snapshot.keyed["words"] == {"a": ["x", "y"], "b": ["z"]}, "a snapshot never changes"


class Total(MapFunction[int, int]):
    __state_include__ = ("total",)

    def __init__(self) -> None:
        self.total = 0
        self.forgotten = 0

    def open(self) -> None:
        self.last = self.ctx.state_manager.load_state("last")

    def execute(self, data: int) -> int:
        self.total += data
        self.forgotten += data
        self.ctx.state_manager.save_state("last", data)
        return self.total


def test_fields_saved_values_and_reduces_are_restored() -> None:
    """Every place where a function may keep something, and one that is none."""
    with StepHarness(Total) as step, StepHarness(Largest) as largest:
        step.push_all([1, 2])
        largest.push(5, key="a")
        snapshots = step.snapshot(), largest.snapshot()

    with (
        StepHarness(Total).restore(snapshots[0]) as again,
        StepHarness(Largest).restore(snapshots[1]) as largest_again,
    ):
        assert (again.function.last, again.function.forgotten) == (2, 0)
        again.push(3)
        largest_again.push(4, key="a")

    assert (again.outputs, largest_again.outputs) == ([6], [5])


def test_a_source_goes_on_behind_its_last_record() -> None:
    """A source that begins again doubles every record."""
    with StepHarness(Countdown, 5) as step:
        assert step.run(limit=2) == [4, 3]
        snapshot = step.snapshot()

    with StepHarness(Countdown, 5).restore(snapshot) as again:
        assert again.run() == [2, 0]


def test_what_no_kernel_could_keep_is_refused() -> None:
    """A lock in the state is found in the test, not at the first checkpoint."""

    class Locks(MapFunction[int, int]):
        def __init__(self) -> None:
            self.lock = threading.Lock()
            self._cache = threading.Lock()

        def get_state(self) -> dict[str, Any]:
            return {"lock": self.lock}

        def execute(self, data: int) -> int:
            return data

    class MayLose(Locks):
        __state_include__ = ("_cache",)
        get_state = MapFunction.get_state

    with (
        StepHarness(Locks) as step,
        pytest.raises(StateError, match="cannot be part of a snapshot"),
    ):
        step.snapshot()
    with StepHarness(MayLose) as loses:
        assert loses.snapshot().fields == {}


def test_calls_that_are_under_way_are_made_again() -> None:
    """Records inside of a step must not be lost with the process."""
    with StepHarness(Ask) as step:
        step.push(1.0, key="a")
        step.push(2.0)
        snapshot = step.snapshot()
        with pytest.raises(JobStateError):
            step.restore(snapshot)

    with StepHarness(Ask).restore(snapshot) as again:
        again.finish()

    assert again.keyed_outputs == [("a", 1.0), (None, 2.0)]


def test_at_another_parallelism_each_instance_takes_its_keys() -> None:
    """R8: the keys of two instances are those of three, each at one of them."""
    snapshots = []
    for part in ("abcdef", "ghijkl"):
        with StepHarness(Count) as step:
            for key in part:
                step.push("x", key=key)
            snapshots.append(step.snapshot())

    taken: list[str] = []
    for index in range(3):
        step = StepHarness(Count).configure(parallelism=3, parallel_index=index)
        with step.restore(*snapshots):
            taken += step.keyed_state("seen")

    assert sorted(taken) == list("abcdefghijkl")


def test_state_of_one_instance_cannot_be_shared_out() -> None:
    """A total per instance means nothing to other instances."""
    with StepHarness(Total) as step:
        step.push(1)
        snapshot = step.snapshot()

    with pytest.raises(StateError, match="2 snapshots cannot become one"):
        StepHarness(Total).restore(snapshot, snapshot).open()


def test_a_source_that_shares_its_state_shares_it_out() -> None:
    """A collection that was read by two instances is read on by one, without gaps."""

    def letters(env: LocalEnvironment[Any]) -> DataStream[str]:
        return env.from_collection("abcdef")

    snapshots = []
    for index in range(2):
        part = StepHarness.of_source(letters).configure(parallelism=2, parallel_index=index)
        with part:
            part.run(limit=1)
            snapshots.append(part.snapshot())

    with StepHarness.of_source(letters).restore(*snapshots) as rest:
        assert rest.run() == ["c", "d", "e", "f"]


def test_outputs_can_be_taken_piece_by_piece() -> None:
    """A long test looks at what is new."""
    step = StepHarness(Sort)
    assert step.take_outputs() == []
    with step:
        step.push_all(["1", "x"])
        assert step.take_outputs() == [1]
        step.push("2")
        assert step.take_outputs() == [2]
        assert step.side_output(LATE) == ["x"]
