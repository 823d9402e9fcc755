"""What flows, and the marks that stand beside it.

Layer: values. Knows nothing of who sends or reads.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

__all__ = [
    "DEAD_LETTER_OUTPUT",
    "NONE_KEY",
    "DeadLetter",
    "NoneKey",
    "Packet",
    "Payload",
    "StopSignal",
]

Payload: TypeAlias = Any
"""A user's value: the one place where `Any` is right."""

DEAD_LETTER_OUTPUT: Final = "dead_letter"
"""Name of the side output that carries `DeadLetter` records of a step."""


class NoneKey(enum.Enum):
    """Type of `NONE_KEY`."""

    NONE_KEY = "NONE_KEY"


NONE_KEY: Final = NoneKey.NONE_KEY
"""Says "the key is None" where a plain ``None`` means "no key given".

``send_data(x)`` keeps the key that the record has; ``send_data(x, partition_key=NONE_KEY)``
gives it the key ``None``, which is a key like any other.
"""


@dataclass(frozen=True, slots=True)
class StopSignal:
    """Returned by a source's ``execute``: the source has ended.

    Attributes:
        name: Who ends it; for logs only.
    """

    name: str = ""


@dataclass(frozen=True, slots=True)
class Packet:
    """One record together with where it came in and how it was routed.

    Kernels move frames of plain values; a packet appears only where a program asks for one.

    Attributes:
        payload: The record.
        input_index: Which input of a many-input step it arrived at, from 0.
        partition_key: Its key; None for none.
        partition_strategy: How it was routed; None if it was not.
    """

    payload: Payload
    input_index: int = 0
    partition_key: Payload = None
    partition_strategy: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that its step could not process, under the policy ``on_error="dead_letter"``.

    Attributes:
        value: The record as it came in.
        step: Id of the step that failed on it.
        error: The exception.
        attempts: How often the step was called with it, at least 1.
    """

    value: Payload
    step: str
    error: Exception
    attempts: int = 1
