"""Time that passes while a test waits, for kernels whose time only tests move.

Layer: testing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.testing.backdoors import HasManualTime
from sage_kernel_api.values import Capability

__all__ = ["HAND", "passing_time"]

HAND: Final = "kit-time"
"""Name of the threads that move the time."""

_STEP_S: Final = 0.0005
_JOIN_S: Final = 0.2
_HANDS: Final = 2
"""So many, because a function that waits for the test may hold one up."""


@contextmanager
def passing_time(kernel: KernelFacade) -> Iterator[None]:
    """Let the kernel's time pass beside the block, about as fast as that of the machine.

    Does nothing for kernels with a time of their own, and for those that run jobs on the caller's
    thread: nothing in them could go on beside.
    """
    if not isinstance(kernel, HasManualTime) or (
        Capability.BACKGROUND_JOBS not in kernel.capabilities
    ):
        yield
        return
    clock, is_over = kernel.clock, threading.Event()

    def work() -> None:
        while not is_over.wait(_STEP_S):
            clock.advance(_STEP_S)

    hands = [threading.Thread(target=work, name=HAND, daemon=True) for _ in range(_HANDS)]
    for hand in hands:
        hand.start()
    try:
        yield
    finally:
        is_over.set()
        for hand in hands:
            # Not for longer: a function of the test's job may stand still until the test goes on.
            hand.join(_JOIN_S)
