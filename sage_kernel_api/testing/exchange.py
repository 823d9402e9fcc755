"""Two kernels and one savepoint: what one has written, the other goes on from.

Layer: testing. A promise of pairs, which no kernel can keep alone: so it is not in the catalogue.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.testing.durable_jobs import (
    END,
    HELD,
    Tape,
    counting,
    durable,
    expect_counted,
    finish,
    run_to,
)
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.kernel_source import KernelSource
from sage_kernel_api.testing.workbench import Workbench

__all__ = ["exchange_savepoint"]


def exchange_savepoint(
    writer: KernelSource, reader: KernelSource, parallelism: tuple[int, int] = (1, 1)
) -> None:
    """Stop a job on one kernel with a savepoint, and let it go on, on another one.

    Args:
        writer: Makes the kernel that begins; it declares `Capability.SAVEPOINTS`.
        reader: Makes the one that goes on, as well; it may be the same.
        parallelism: Instances of the step with keyed state, on the one and on the other.

    Raises:
        BrokenPromiseError: A record is missing or came twice, a key was not counted on, or a job
            did not finish.

    Example:
        >>> default = KernelSource.of_spec("default")
        >>> exchange_savepoint(default, default, parallelism=(2, 3))
    """
    tape, found = Tape(), list[Any]()
    bench = Workbench(writer.make(), make=reader.make)
    try:
        env = counting(durable(bench, "first"), tape, found, parallelism[0])
        run_to(bench, env, tape, HELD)
        env.stop(savepoint=bench.folder / "one.savepoint")
        bench.start_again()
        env = counting(durable(bench, "second"), tape, found, parallelism[1])
        finish(bench, env, tape, restore_from=bench.folder / "one.savepoint")
    finally:
        bench.kernel.shutdown()
        bench.close()
    expect_equal(tape.starts, [0, HELD], "where both kernels began to read")
    expect_counted(found, range(END))
