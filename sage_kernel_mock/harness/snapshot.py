"""What a step under test has to remember, as copies.

Knows one task of the mock kernel and the user's function in it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, cast

from sage_kernel_api.core.functions import BaseFunction
from sage_kernel_api.errors import StateError
from sage_kernel_api.runnable import KIND_REDUCE, ReduceRunnable, Runnable
from sage_kernel_api.values import Payload
from sage_kernel_mock.contexts import MockExecutionContext

__all__ = ["StepSnapshot", "restore_step", "take_snapshot"]


@dataclass(frozen=True)
class StepSnapshot:
    """The state of a step at one moment; changing what it was taken from does not change it.

    Attributes:
        saved: What the function saved by name (``save_state``).
        keyed: Its keyed states, by name, then by key.
        reduced: What a reduce has accumulated, by key.
        attributes: What the function's ``get_state`` returned.
    """

    saved: dict[str, Payload]
    keyed: dict[str, dict[Payload, Payload]]
    reduced: dict[Payload, Payload]
    attributes: dict[str, Payload]


def take_snapshot(runnable: Runnable, context: MockExecutionContext) -> StepSnapshot:
    """Return copies of all that the step has to remember.

    Raises:
        StateError: Something cannot be copied, so that no kernel could keep it.
    """
    function = _function_of(runnable)
    attributes = function.get_state() if function is not None else {}
    return StepSnapshot(
        context.state_manager.export(),
        context.keyed_state.export(),
        _copied("the reduced values", dict(_table_of(runnable))),
        {name: _copied(f"attribute {name!r}", value) for name, value in attributes.items()},
    )


def restore_step(snapshot: StepSnapshot, runnable: Runnable, context: MockExecutionContext) -> None:
    """Give a new, unopened step the state of *snapshot*, which stays as it is."""
    context.state_manager.replace(snapshot.saved)
    context.keyed_state.replace(snapshot.keyed)
    if snapshot.reduced:
        _table_of(runnable).update(copy.deepcopy(snapshot.reduced))
    function = _function_of(runnable)
    if function is not None:
        function.restore_state(copy.deepcopy(snapshot.attributes))


def _function_of(runnable: Runnable) -> BaseFunction | None:
    function = getattr(runnable, "function", None)
    return function if isinstance(function, BaseFunction) else None


def _table_of(runnable: Runnable) -> dict[Payload, Payload]:
    if runnable.kind != KIND_REDUCE:
        return {}
    return cast("dict[Payload, Payload]", cast("ReduceRunnable", runnable).table)


def _copied(what: str, value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception as error:
        raise StateError(
            f"{what} cannot be part of a snapshot, because a {type(value).__name__} cannot be "
            f"copied: {error}. Make threads, files and clients in open(), and name the attribute "
            "in __state_exclude__."
        ) from error
