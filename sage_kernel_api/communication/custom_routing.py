"""Which receiver a user's partitioner chooses.

Layer: communication.
"""

from __future__ import annotations

from sage_kernel_api.errors import InterfaceError, PipelineError
from sage_kernel_api.values import Partitioner, Payload

__all__ = ["choose_receiver"]


def choose_receiver(partitioner: Partitioner | None, record: Payload, receivers: int) -> int:
    """Ask *partitioner* which of *receivers* instances gets *record*, and check its answer.

    Raises:
        InterfaceError: The answer is no whole number in ``range(receivers)``.
        PipelineError: There is no partitioner: the strategy ``custom`` was asked for on an edge
            that was not described with one.
        Exception: What the partitioner raised.

    Example:
        >>> choose_receiver(lambda word, n: len(word) % n, "abc", 2)
        1
    """
    if partitioner is None:
        raise PipelineError(
            "The strategy 'custom' needs an edge with a partitioner; describe it with "
            "partition_custom()."
        )
    choice: object = partitioner(record, receivers)
    if isinstance(choice, int) and 0 <= choice < receivers:
        return choice
    raise InterfaceError(
        f"A partitioner returned {choice!r}; with {receivers} instances it must return a whole "
        f"number from 0 to {receivers - 1}."
    )
