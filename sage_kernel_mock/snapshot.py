"""What a step has to remember, as a checkpoint keeps it.

Knows one instance of a step through the contract (`StatefulRunnable`), and its context.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sage_kernel_api.communication import key_group, owner_of
from sage_kernel_api.errors import StateError
from sage_kernel_api.runnable import (
    AsyncOutcome,
    ResumableAsyncRunnable,
    Runnable,
    StatefulRunnable,
)
from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_api.values import Payload
from sage_kernel_mock.contexts import MockExecutionContext

__all__ = ["StepSnapshot", "restore_step", "take_snapshot"]


@dataclass(frozen=True)
class StepSnapshot:
    """The state of a step at one moment; changing what it was taken from does not change it.

    Attributes:
        keyed: Its keyed states, by name, then by key; those of a reduce among them.
        fields: Its state beside that: a source's position, what ``get_state`` returned.
        saved: What the function saved by name (``save_state``).
        pending: Records in an asynchronous step, each with its key: they are called for again.
    """

    keyed: Mapping[str, Mapping[Payload, Payload]]
    fields: Mapping[str, Payload]
    saved: Mapping[str, Payload]
    pending: Sequence[tuple[Payload, Payload]] = ()


def take_snapshot(
    runnable: Runnable, context: MockExecutionContext, codec: ValueCodec
) -> StepSnapshot:
    """Return all that the step has to remember, encoded by *codec* and decoded again.

    Raises:
        StateError: Something cannot be encoded; the message says what.
    """
    copied = _Copier(codec)
    keyed = {
        name: {
            copied.of(f"A key of {name!r}", key): copied.of(f"A value of {name!r}", value)
            for key, value in table.items()
        }
        for name, table in context.keyed_state.tables.items()
        if table
    }
    state = context.state_manager.export()
    return StepSnapshot(
        keyed,
        copied.fields(_fields(runnable)),
        {name: copied.of(f"The saved {name!r}", value) for name, value in state.items()},
        [
            (copied.of("A record", one.record), copied.of("A key", one.key))
            for one in _pending(runnable)
        ],
    )


def restore_step(
    snapshots: Sequence[StepSnapshot], runnable: Runnable, context: MockExecutionContext
) -> None:
    """Give a new, unopened step the state of *snapshots*; these stay as they are.

    Of several, those of all old instances, the step takes its own keys, as after a change of the
    parallelism.

    Raises:
        StateError: There are several, and the step's other state belongs to one instance.
    """
    fields = [one.fields for one in snapshots]
    is_shared = getattr(runnable, "state_sharing", "own") == "all"
    if len(snapshots) > 1 and any(one.saved or (one.fields and not is_shared) for one in snapshots):
        raise StateError(
            f"The state of {context.name!r} belongs to one instance each, so {len(snapshots)} "
            "snapshots cannot become one. Keep it by key, or restore at the same parallelism."
        )
    facts = context.facts
    for snapshot in snapshots:
        context.state_manager.replace(snapshot.saved)
        for name, values in snapshot.keyed.items():
            context.keyed_state.table(name).update(
                {
                    key: value
                    for key, value in copy.deepcopy(dict(values)).items()
                    if len(snapshots) == 1
                    or owner_of(key_group(key), facts.parallelism) == facts.parallel_index
                }
            )
    if any(fields):
        cast("StatefulRunnable", runnable).restore_state(copy.deepcopy(fields))


class _Copier:
    def __init__(self, codec: ValueCodec) -> None:
        self._codec = codec

    def of(self, what: str, value: Payload) -> Payload:
        try:
            return self._codec.decode(self._codec.encode(value))
        except StateError as error:
            raise StateError(f"{what} cannot be part of a snapshot: {error}") from error

    def fields(self, state: Mapping[str, Payload]) -> dict[str, Payload]:
        copied: dict[str, Payload] = {}
        for name, value in state.items():
            try:
                copied[name] = self.of(f"The field {name!r}", value)
            except StateError:
                # As the contract has it: such an entry may be lost.
                if not name.startswith("_"):
                    raise
        return copied


def _pending(runnable: Runnable) -> Sequence[AsyncOutcome]:
    if not hasattr(runnable, "pending"):
        return ()
    return cast("ResumableAsyncRunnable", runnable).pending()


def _fields(runnable: Runnable) -> Mapping[str, Payload]:
    if not hasattr(runnable, "snapshot_state"):
        return {}
    return cast("StatefulRunnable", runnable).snapshot_state()
