"""`facade`: what it costs to go through the contract instead of holding the kernel's object.

One side starts each call at what the contract hands out (the facade, or a context); the other
has fetched the kernel's own object once and calls its method directly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias, cast

from benchmarks.values import SAGE, Aim, Case, LocalSide, Sample
from sage_kernel_api import resolve_kernel
from sage_kernel_api.kernel_facade import KernelFacade, SupportsQueues
from sage_kernel_api.values import ConnectionInfo

__all__ = ["cases"]

_CONCRETE = "concrete object"
_AIMS = (Aim(against=_CONCRETE, at_most=1.05),)
_Loop: TypeAlias = Callable[[KernelFacade, int], float]


def cases(kernel: str) -> Sequence[Case]:
    """Return a service call, a state save and a send."""
    return (
        _case("service-call", kernel, _service_concrete, _service_facade, 4_000),
        _case("state-save", kernel, _state_concrete, _state_facade, 200_000),
        _case("send", kernel, _send_concrete, _send_facade, 40_000),
    )


def _case(name: str, kernel: str, concrete: _Loop, facade: _Loop, size: int) -> Case:
    sides = (
        LocalSide(_CONCRETE, partial(_run, kernel, concrete)),
        LocalSide(SAGE, partial(_run, kernel, facade), "through the facade"),
    )
    return Case(
        "facade",
        name,
        sides,
        size,
        size // 20,
        unit="calls",
        measure="time",
        repetitions=21,
        aims=_AIMS,
        scales=False,
    )


def _run(kernel: str, loop: _Loop, size: int) -> Sample:
    resolved = resolve_kernel(kernel)
    try:
        return Sample(loop(resolved, size), size)
    finally:
        resolved.shutdown()


class _Echo:
    """A service that answers what it is asked."""

    def say(self, word: int) -> int:
        return word


@contextmanager
def _echo_service(kernel: KernelFacade) -> Iterator[None]:
    kernel.service_manager.register_service("echo", _Echo)
    kernel.service_manager.start_service("echo")
    yield
    kernel.service_manager.stop_service("echo")


def _service_concrete(kernel: KernelFacade, size: int) -> float:
    with _echo_service(kernel):
        services = kernel.service_manager
        start = time.perf_counter()
        for number in range(size):
            services.call_service("echo", "say", number)
        return time.perf_counter() - start


def _service_facade(kernel: KernelFacade, size: int) -> float:
    with _echo_service(kernel):
        start = time.perf_counter()
        for number in range(size):
            kernel.service_manager.call_service("echo", "say", number)
        return time.perf_counter() - start


def _state_concrete(kernel: KernelFacade, size: int) -> float:
    states = kernel.create_execution_context({"name": "saver"}).state_manager
    start = time.perf_counter()
    for number in range(size):
        states.save_state("last", number)
    return time.perf_counter() - start


def _state_facade(kernel: KernelFacade, size: int) -> float:
    context = kernel.create_execution_context({"name": "saver"})
    start = time.perf_counter()
    for number in range(size):
        context.state_manager.save_state("last", number)
    return time.perf_counter() - start


def _send_concrete(kernel: KernelFacade, size: int) -> float:
    context = kernel.create_execution_context({"name": "sender"})
    cast("SupportsQueues", kernel).queue_manager.create_queue("receiver", size)
    transport = context.transport
    transport.set_downstream_connections([ConnectionInfo(("receiver",))])
    start = time.perf_counter()
    for number in range(size):
        transport.send(number)
    return time.perf_counter() - start


def _send_facade(kernel: KernelFacade, size: int) -> float:
    context = kernel.create_execution_context({"name": "sender"})
    cast("SupportsQueues", kernel).queue_manager.create_queue("receiver", size)
    context.transport.set_downstream_connections([ConnectionInfo(("receiver",))])
    start = time.perf_counter()
    for number in range(size):
        context.send_data(number)
    return time.perf_counter() - start
