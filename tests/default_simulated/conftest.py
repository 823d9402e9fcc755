"""Simulated kernels, which must start no thread whatever they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from sage_kernel_default import DefaultKernelFacade, DefaultOptions

MakeKernel = Callable[..., DefaultKernelFacade]


def simulated(seed: int = 0, *, frame_size: int = 16, channel_capacity: int = 8) -> DefaultOptions:
    """Return options of a simulation with frames and channels so small that tasks must wait."""
    return DefaultOptions(
        driver="sim", seed=seed, frame_size=frame_size, channel_capacity=channel_capacity
    )


@pytest.fixture
def make_kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeKernel]:
    def refuse(thread: threading.Thread) -> None:
        raise AssertionError(f"a simulation started the thread {thread.name}")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    kernels: list[DefaultKernelFacade] = []

    def make(seed: int = 0) -> DefaultKernelFacade:
        kernels.append(DefaultKernelFacade(simulated(seed)))
        return kernels[-1]

    yield make
    for kernel in kernels:
        kernel.shutdown()


@pytest.fixture
def kernel(make_kernel: MakeKernel) -> DefaultKernelFacade:
    return make_kernel()
