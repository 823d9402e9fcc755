"""What makes up the state of a function, beside what it keeps by key.

Layer: core. One rule for all functions; `docs/state-and-checkpoints.md` has it as a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from sage_kernel_api.core.functions.base_function import BaseFunction
from sage_kernel_api.core.functions.keyed_state import declared_states
from sage_kernel_api.core.functions.source_functions import SourceFunction
from sage_kernel_api.errors import StateError
from sage_kernel_api.storage.state_upgrade import upgrade_state
from sage_kernel_api.values import Payload

__all__ = ["function_state", "has_position", "restore_function", "upgrade_function_state"]

_POSITION: Final = "tell()"
_STATE: Final = "get_state()"
"""Entries that no field can have."""


def function_state(function: object, *, is_source: bool) -> Mapping[str, Payload]:
    """Return the state of *function*, or nothing if it has none.

    The first that applies: the position of a source that can tell it; what an overridden
    ``get_state`` returns; the fields in ``__state_include__``; for sources all other fields,
    without those in ``__state_exclude__``.

    Raises:
        StateError: A field of a source is an iterator that is under way. Nobody can store that,
            and without it the source would begin again.
    """
    if not isinstance(function, BaseFunction):
        return {}
    if has_position(function):
        return {_POSITION: cast("Any", function).tell()}
    if type(function).get_state is not BaseFunction.get_state:
        return {_STATE: function.get_state()}
    if function.__state_include__ or is_source:
        state = function.get_state()
        _refuse_iterators(function, state)
        return state
    return {}


def restore_function(function: object, state: Mapping[str, Payload]) -> None:
    """Undo `function_state`; before ``open``."""
    if not isinstance(function, BaseFunction) or not state:
        return
    if _POSITION in state:
        cast("Any", function).seek(state[_POSITION])
        return
    whole = state.get(_STATE, state)
    if type(function).set_state is not BaseFunction.set_state:
        function.set_state(whole)
    else:
        function.restore_state(whole)


def upgrade_function_state(
    function: object, version: int, state: Mapping[str, Payload]
) -> Mapping[str, Payload]:
    """Return `function_state` of an older version of *function* as this version wants it.

    The position of a source is not touched: ``seek`` may take what older versions told.

    Raises:
        StateError: As `upgrade_state`.
    """
    if _POSITION in state:
        return state
    if _STATE in state:
        return {_STATE: upgrade_state(function, version, state[_STATE])}
    return upgrade_state(function, version, state)


def has_position(function: object) -> bool:
    """Tell whether *function* has its own `tell` and `seek`."""
    kind: Any = type(function)
    if not (callable(getattr(kind, "tell", None)) and callable(getattr(kind, "seek", None))):
        return False
    return kind.tell is not SourceFunction.tell


def _refuse_iterators(function: BaseFunction, state: Mapping[str, Payload]) -> None:
    declared = set(declared_states(type(function)))
    for name, value in state.items():
        if name not in declared and isinstance(value, Iterator):
            raise StateError(
                f"{type(function).__name__}.{name} is an iterator that is under way "
                f"({type(value).__name__}), so the position of this source cannot be stored. Count "
                "the records, and implement tell() and seek(position)."
            )
