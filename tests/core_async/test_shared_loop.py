"""The real thing: one event loop on a thread that lives while somebody uses it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from sage_kernel_api.core.operators.async_map import AsyncMapOperator, AsyncMapOptions
from sage_kernel_api.errors import LeakedTaskError
from tests.helpers import no_leaks

MakeContext = Callable[[], Any]


def _operator(context: Any, function: Callable[..., Any], **options: Any) -> AsyncMapOperator:
    operator = AsyncMapOperator(cast("Any", context), function)
    operator.options = AsyncMapOptions(**options)
    return operator


async def _soon(x: int) -> int:
    await asyncio.sleep(0)
    return x


@pytest.mark.parametrize("ordered", [True, False])
def test_a_step_works_on_the_shared_loop_and_leaves_nothing(context: Any, ordered: bool) -> None:
    """The loop's thread must end with its last user."""
    with no_leaks():
        operator = _operator(context, _soon, capacity=7, ordered=ordered)
        operator.open()
        for record in range(1000):
            operator.process(record)
        operator.finish()
        operator.close()

    assert (context.sent if ordered else sorted(context.sent)) == list(range(1000))


def test_a_hundred_steps_share_one_thread(context: Any) -> None:
    """Thousands of steps must not mean thousands of threads."""
    with no_leaks():
        before = threading.active_count()
        operators = [_operator(context, _soon) for _ in range(100)]
        for operator in operators:
            operator.open()
        assert threading.active_count() == before + 1
        for operator in operators:
            operator.process(1)
            operator.finish()
            operator.close()


def test_closing_one_step_leaves_the_loop_to_the_others(context: Any) -> None:
    """One job's end must not stop another job."""
    with no_leaks():
        first, second = _operator(context, _soon), _operator(context, _soon)
        first.open()
        second.open()
        first.close()
        second.process(1)
        second.finish()
        second.close()

    assert context.sent == [1]


def test_steps_can_be_opened_and_closed_again_and_again(context: Any) -> None:
    """A thousand jobs leave as many threads and descriptors as none."""
    with no_leaks():
        for record in range(200):
            operator = _operator(context, _soon)
            operator.open()
            operator.process(record)
            operator.finish()
            operator.close()

    assert context.sent == list(range(200))


def test_background_tasks_of_a_function_end_with_the_loop(context: Any) -> None:
    """Clients start tasks of their own; they must not outlive the job."""
    ended = threading.Event()
    tasks: list[asyncio.Task[None]] = []

    async def background() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async def spawns(x: int) -> int:
        tasks.append(asyncio.create_task(background()))
        await asyncio.sleep(0)
        return x

    with no_leaks():
        operator = _operator(context, spawns)
        operator.open()
        operator.process(1)
        operator.finish()
        operator.close()

    assert ended.is_set()


def test_a_call_that_blocks_the_loop_does_not_hang_the_closing(context: Any) -> None:
    """``time.sleep`` in a coroutine is a mistake, not a reason to kill the process."""
    go_on = threading.Event()

    async def blocks(x: int) -> int:
        go_on.wait(30)
        return x

    operator = _operator(context, blocks)
    operator.open()
    operator.process(1)
    try:
        with pytest.raises(LeakedTaskError, match="blocks the event loop"):
            operator.close()
    finally:
        go_on.set()

    # The next step gets a loop of its own and works.
    other = _operator(context, _soon)
    other.open()
    other.process(2)
    other.finish()
    other.close()
    assert context.sent == [2]
    for thread in threading.enumerate():
        if thread.name == "sage-kernel-async":
            thread.join(30)


def test_the_public_package_does_not_import_asyncio() -> None:
    """Programs without asynchronous steps must not pay for an event loop at start-up."""
    code = (
        "import sys, sage_kernel_api; from sage_kernel_api import LocalEnvironment, MapFunction; "
        "import sage_kernel_api.core.functions.async_map_function as f; "
        "print('asyncio' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
