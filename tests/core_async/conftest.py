"""Surroundings for asynchronous steps: a loop with virtual time, and a context that records."""

from __future__ import annotations

import asyncio
import logging
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import pytest

from sage_kernel_api.core.operators.async_map import AsyncMapOperator, AsyncMapOptions, RateLimit
from sage_kernel_api.core.policies import ErrorPolicy, Policies
from sage_kernel_api.lifecycle import step_failure
from sage_kernel_api.values import NONE_KEY

R = TypeVar("R")


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: where others would, it moves the clock, unless what is waited for is there."""

    now_s = 0.0
    is_over: Callable[[], bool] = staticmethod(lambda: False)
    stop: Callable[[], None] = staticmethod(lambda: None)

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if self.is_over():
            self.stop()
        elif not events:
            assert timeout is not None, "nothing will ever happen again: a deadlock"
            self.now_s += max(timeout, 0.0)
        return events


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jumping = _JumpingSelector()
        super().__init__(self.jumping)
        self.jumping.stop = self.stop

    def time(self) -> float:
        return self.jumping.now_s


class VirtualHost:
    """A loop with virtual time, driven by the step itself whenever it waits: one thread only."""

    def __init__(self) -> None:
        self.loop = _VirtualLoop()
        self.users = 0

    @property
    def now_s(self) -> float:
        return self.loop.time()

    def acquire(self) -> asyncio.AbstractEventLoop:
        self.users += 1
        return self.loop

    def release(self) -> None:
        self.users -= 1

    def start(self, coroutine: Coroutine[Any, Any, R]) -> Future[R]:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def wait(self, is_there: Callable[[], bool], changed: threading.Event, limit_s: float) -> bool:
        del changed
        # A mark in time, so that waiting with a limit is never a deadlock. What counts is that it
        # was passed: by the rounding of sums of floats, the clock may stop just before it.
        end = threading.Event()
        mark = self.loop.call_at(self.now_s + limit_s, end.set)
        self.loop.jumping.is_over = lambda: is_there() or end.is_set()
        self.loop.run_forever()
        mark.cancel()
        return is_there()

    def pass_time(self, duration_s: float) -> None:
        """Let the loop work for so long, virtually."""
        self.wait(lambda: False, threading.Event(), duration_s)


@dataclass
class RecordingContext:
    """As much of an `ExecutionContext` as an asynchronous step asks for."""

    name: str = "ask"
    key: Any = None
    is_ending: bool = False
    sent: list[Any] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)
    letters: list[Any] = field(default_factory=list)
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("tests.core_async"))
    services: Any = None

    def get_key(self) -> Any:
        return self.key

    def get_parallelism(self) -> int:
        return 1

    def should_stop(self) -> bool:
        return self.is_ending

    def send_data(self, data: Any, target: str | None = None, partition_key: Any = None) -> bool:
        if target is not None:
            self.letters.append((target, data))
        else:
            self.sent.append(data)
            self.keys.append(None if partition_key is NONE_KEY else partition_key)
        return True


class Step:
    """One asynchronous step on a virtual loop."""

    def __init__(
        self,
        host: VirtualHost,
        function: Callable[..., Any],
        *args: Any,
        on_error: ErrorPolicy | None = None,
        none_result: Any = None,
        **options: Any,
    ) -> None:
        self.host = host
        self.context = RecordingContext()
        if "rate_limit" in options:
            options["rate_limit"] = RateLimit.parse(options["rate_limit"])
        self.operator = AsyncMapOperator(cast("Any", self.context), function, *args)
        self.operator.options = AsyncMapOptions(**options)
        self.operator.policies = Policies(on_error=on_error, none_result=none_result)
        self.operator.host = host

    @property
    def sent(self) -> list[Any]:
        return self.context.sent

    def run(self, *records: Any) -> list[Any]:
        """Open, feed, finish and close, as a kernel that knows nothing of asynchronous steps."""
        self.at_hand: Any = None
        try:
            self.operator.open()
            for record in records:
                self.at_hand = record
                self.operator.process(record)
            self.at_hand = None
            self.operator.finish()
        except Exception as error:
            raise step_failure("ask", error, record=self.at_hand) from error
        finally:
            self.operator.close()
        return self.sent


@pytest.fixture
def host() -> Iterator[VirtualHost]:
    """A loop with virtual time; every step must give it back."""
    host = VirtualHost()
    yield host
    left = asyncio.all_tasks(host.loop)
    host.loop.close()
    assert host.users == 0, "a step did not let go of the loop"
    assert not left, f"calls left: {left}"


@pytest.fixture
def step(host: VirtualHost) -> Callable[..., Step]:
    """Makes a step: ``step(function, *args, capacity=..., on_error=...)``."""

    def make(function: Callable[..., Any], *args: Any, **options: Any) -> Step:
        return Step(host, function, *args, **options)

    return make


@pytest.fixture
def context() -> RecordingContext:
    """A context for a step on the real, shared loop."""
    return RecordingContext()
