"""`DataStream.map_async` on the built-in kernels, from the user's side."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any, Protocol

import pytest

from sage_kernel_api import (
    AsyncMapFunction,
    BaseService,
    DeadLetter,
    JobFailedError,
    LocalEnvironment,
    MapFunction,
    retry,
)
from sage_kernel_api.errors import ConfigurationError, InterfaceError, PipelineError
from tests.helpers import no_leaks

pytestmark = pytest.mark.parametrize("kernel", ["mock", "default"])


async def _slow_for_small(x: int) -> int:
    await asyncio.sleep(0.001 * (10 - x % 10))
    return x * 10


async def _fail_on_seven(x: int) -> int:
    await asyncio.sleep(0)
    if x == 7:
        raise ValueError("seven")
    return x


class Add(AsyncMapFunction[int, int]):
    """Adds on the event loop."""

    def __init__(self, by: int) -> None:
        self.by = by

    async def execute(self, data: int) -> int:
        await asyncio.sleep(0)
        return data + self.by


@pytest.mark.parametrize("parallelism", [1, 2, 4])
@pytest.mark.parametrize("ordered", [True, False])
def test_every_record_comes_out_once(kernel: str, ordered: bool, parallelism: int) -> None:
    """The first thing that anybody expects of a step."""
    with no_leaks(), LocalEnvironment(kernel=kernel) as env:
        numbers = env.from_collection(range(200))
        step = numbers.map_async(
            _slow_for_small, capacity=20, ordered=ordered, parallelism=parallelism
        )
        results = step.execute_and_collect()

    assert sorted(results) == [x * 10 for x in range(200)]
    if ordered and parallelism == 1:
        assert results == [x * 10 for x in range(200)]


def test_a_class_with_its_arguments_works_as_in_map(kernel: str) -> None:
    """Clients need addresses and keys."""
    with LocalEnvironment(kernel=kernel) as env:
        numbers = env.from_collection([1, 2])
        assert numbers.map_async(Add, 1).execute_and_collect() == [2, 3]
    with LocalEnvironment(kernel=kernel) as env:
        numbers = env.from_collection([1, 2])
        assert numbers.map_async(Add, by=2, capacity=3).execute_and_collect() == [3, 4]
    with LocalEnvironment(kernel=kernel) as env:
        numbers = env.from_collection([1, 2])
        made = numbers.map_async(functools.partial(Add, 3), ordered=True, name="add")
        assert made.execute_and_collect() == [4, 5]


class _WithKey(MapFunction[int, tuple[int, int]]):
    def execute(self, data: int) -> tuple[int, int]:
        return self.ctx.get_key(), data


def test_keys_survive_the_step(kernel: str) -> None:
    """State behind an asynchronous step belongs to the keys from before it."""
    with LocalEnvironment(kernel=kernel) as env:
        keyed = env.from_collection(range(100)).keyby(lambda x: x % 3)
        late = keyed.map_async(_slow_for_small, capacity=10, ordered=False)
        found = late.map(_WithKey).execute_and_collect()

    assert sorted(found) == sorted((x % 3, x * 10) for x in range(100))


def test_a_failing_call_fails_the_job_and_names_its_record(kernel: str) -> None:
    """Whoever reads the report must see the record that failed and the line."""
    with no_leaks(), LocalEnvironment(kernel=kernel) as env:
        step = env.from_collection(range(50)).map_async(_fail_on_seven, capacity=3)
        with pytest.raises(JobFailedError) as caught:
            step.execute_and_collect()

    failure = caught.value
    assert "on record 7" in str(failure)
    assert "test_on_kernels.py:" in str(failure)
    assert isinstance(failure.__cause__, ValueError)


def test_policies_hit_the_record_that_failed(kernel: str) -> None:
    """Skipping the neighbour of a bad record would be two mistakes in one."""
    with LocalEnvironment(kernel=kernel) as env:
        step = env.from_collection(range(10)).map_async(_fail_on_seven, on_error="skip")
        assert step.execute_and_collect() == [0, 1, 2, 3, 4, 5, 6, 8, 9]

    letters: list[DeadLetter] = []
    with LocalEnvironment(kernel=kernel) as env:
        policy = retry(2, delay_s=0.0, then="dead_letter")
        step = env.from_collection(range(10)).map_async(_fail_on_seven, on_error=policy)
        step.dead_letters().sink(letters.append)
        assert step.execute_and_collect() == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert [(letter.value, letter.attempts) for letter in letters] == [(7, 3)]


def test_asynchronous_steps_can_follow_each_other(kernel: str) -> None:
    """Retrieve, then ask, then check: three asynchronous steps on one loop."""
    with no_leaks(), LocalEnvironment(kernel=kernel) as env:
        stream = env.from_collection(range(50))
        for _ in range(3):
            stream = stream.map_async(Add, 1, capacity=7)
        assert stream.execute_and_collect() == list(range(3, 53))


def test_options_out_of_range_are_refused_when_the_step_is_described(kernel: str) -> None:
    """Not after an hour, at the first record."""
    with LocalEnvironment(kernel=kernel) as env:
        numbers = env.from_collection([1])
        with pytest.raises(ConfigurationError, match="capacity=0"):
            numbers.map_async(_slow_for_small, capacity=0)
        with pytest.raises(ConfigurationError, match="rate_limit"):
            numbers.map_async(_slow_for_small, rate_limit="fast")


def test_wrong_constructor_arguments_are_refused_at_submit(kernel: str) -> None:
    """Untyped programs must hear of it before anything runs."""
    with LocalEnvironment(kernel=kernel) as env:
        stream = env.from_collection([1]).map_async(Add, 1, 2, 3, capacity=1)
        with pytest.raises(PipelineError, match="cannot be made with these arguments"):
            stream.execute_and_collect()


def test_a_function_that_is_not_asynchronous_is_told_so(kernel: str) -> None:
    """The usual slip: ``def`` for ``async def``."""
    with LocalEnvironment(kernel=kernel) as env:
        wrong: Any = lambda x: x + 1  # noqa: E731 - as untyped programs do
        step = env.from_collection([1]).map_async(wrong)
        with pytest.raises(JobFailedError, match="async def") as caught:
            step.execute_and_collect()
    assert isinstance(caught.value.__cause__, InterfaceError)


class Store(Protocol):
    """What the functions below ask for."""

    def get(self, key: int) -> str: ...


class _Store(BaseService):
    def get(self, key: int) -> str:
        if key == 13:
            raise KeyError(key)
        return f"value {key}"


class _Lookup(AsyncMapFunction[int, str]):
    def open(self) -> None:
        self.store = self.service(Store, "store")

    async def execute(self, data: int) -> str:
        return await self.ask(self.store.get, data)


def test_services_can_be_awaited(kernel: str) -> None:
    """A cache in front of a language model is called from the coroutine that fills it."""
    with no_leaks(), LocalEnvironment(kernel=kernel) as env:
        env.register_service("store", _Store)
        found = env.from_collection([1, 2]).map_async(_Lookup).execute_and_collect()
    assert found == ["value 1", "value 2"]


def test_an_awaited_service_raises_what_it_raised(kernel: str) -> None:
    """The original exception, not a wrapper, so that ``except KeyError`` works."""
    with LocalEnvironment(kernel=kernel) as env:
        env.register_service("store", _Store)
        step = env.from_collection([13]).map_async(_Lookup)
        with pytest.raises(JobFailedError) as caught:
            step.execute_and_collect()
    assert isinstance(caught.value.__cause__, KeyError)


def test_waiting_for_a_service_on_the_loop_is_refused(kernel: str) -> None:
    """It would stop every other call of the process, without a word."""

    class Blocks(_Lookup):
        async def execute(self, data: int) -> str:
            return self.store.get(data)

    with LocalEnvironment(kernel=kernel) as env:
        env.register_service("store", _Store)
        step = env.from_collection([1]).map_async(Blocks)
        with pytest.raises(JobFailedError, match=r"await self\.ask"):
            step.execute_and_collect()


def test_the_loops_thread_ends_with_the_job(kernel: str) -> None:
    """No thread may outlive its job."""
    with LocalEnvironment(kernel=kernel) as env:
        env.from_collection([1]).map_async(Add, 1).execute_and_collect()
    assert "sage-kernel-async" not in {thread.name for thread in threading.enumerate()}
