"""What a journal entry tells, by the sort of thing that happened.

Knows values only. Each is a tuple, so that a test may compare it with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from sage_kernel_api.values import DeadLetter, Payload

__all__ = [
    "Broadcast",
    "CheckpointRestored",
    "CheckpointTaken",
    "DeadLettered",
    "FaultStruck",
    "Happening",
    "Processed",
    "Sent",
    "ServiceCalled",
    "Skipped",
    "StateCleared",
    "StateLoaded",
    "StateSaved",
    "action_of",
]


class Processed(NamedTuple):
    """A step was given a record; a retried record is given again."""

    data: Payload
    input_index: int
    key: Payload


class Sent(NamedTuple):
    """A step sent a record to one of its outputs; *target* None is the main one."""

    data: Payload
    target: str | None
    key: Payload


class Broadcast(NamedTuple):
    """A step sent a record to all instances of all steps behind it."""

    data: Payload


class Skipped(NamedTuple):
    """A record failed and was dropped, as the step's policy says."""

    data: Payload
    error: Exception


class DeadLettered(NamedTuple):
    """A record failed and went to the dead letters, as the step's policy says."""

    letter: DeadLetter


class ServiceCalled(NamedTuple):
    """A method of a service was called; the actor is ``service.method``."""

    args: tuple[Payload, ...]
    kwargs: Mapping[str, Payload]


class StateSaved(NamedTuple):
    """A named value was kept; *state* is the copy that is kept."""

    key: str
    state: Payload


class StateLoaded(NamedTuple):
    """A named value was asked for."""

    key: str


class StateCleared(NamedTuple):
    """A named value was to be forgotten."""

    key: str


class CheckpointTaken(NamedTuple):
    """A checkpoint of the named values was asked for."""

    checkpoint_id: str


class CheckpointRestored(NamedTuple):
    """The named values of a checkpoint were asked back."""

    checkpoint_id: str


class FaultStruck(NamedTuple):
    """A planned fault did its work."""

    fault: str


Happening: TypeAlias = (
    Processed
    | Sent
    | Broadcast
    | Skipped
    | DeadLettered
    | ServiceCalled
    | StateSaved
    | StateLoaded
    | StateCleared
    | CheckpointTaken
    | CheckpointRestored
    | FaultStruck
)

_ACTIONS: Final[dict[type[Happening], str]] = {
    Processed: "process",
    Sent: "send",
    Broadcast: "broadcast",
    Skipped: "skip",
    DeadLettered: "dead_letter",
    ServiceCalled: "call_service",
    StateSaved: "save_state",
    StateLoaded: "load_state",
    StateCleared: "clear_state",
    CheckpointTaken: "create_checkpoint",
    CheckpointRestored: "restore_checkpoint",
    FaultStruck: "fault",
}


def action_of(happening: Happening) -> str:
    """Return the word for it: that of the method that was called, where it was one."""
    return _ACTIONS[type(happening)]
