"""State that an older version of a function left, made fit for the newer one.

Layer: storage. Kernels stamp what they store, and call the function's own hook when they restore.

A function that changes what it keeps counts up ``state_version`` and defines one or both hooks:

    class Totals(MapFunction[Order, float]):
        state_version = 2

        def upgrade_state(self, version, state):            # its fields, by name
            return {"total": state["sum"]} if version < 2 else state

        def upgrade_keyed_state(self, version, table, value):   # each value of a keyed table
            return (value, 0) if table == "total" and version < 2 else value
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sage_kernel_api.errors import StateError
from sage_kernel_api.values import Payload

__all__ = ["STATE_VERSION", "stamp_state", "stored_version", "upgrade_state", "upgrade_table"]

STATE_VERSION: Final = "__version__"
"""Reserved entry of operator state: the function's ``state_version``, if it is not 1."""


def stamp_state(function: object, state: Mapping[str, Payload]) -> dict[str, Payload]:
    """Return *state* with the function's version, as it is to be stored.

    Example:
        >>> class Function:
        ...     state_version = 2
        >>> stamp_state(Function(), {"total": 1})
        {'total': 1, '__version__': 2}
    """
    version = _version_of(function)
    return dict(state) if version == 1 else {**state, STATE_VERSION: version}


def stored_version(state: Mapping[str, Payload]) -> int:
    """Return the version of stored operator state; 1 if it says none."""
    version: int = state.get(STATE_VERSION, 1)
    return version


def upgrade_state(function: object, state: Mapping[str, Payload]) -> dict[str, Payload]:
    """Return stored operator state as the function wants it, without the stamp.

    Raises:
        StateError: It is of a newer version, or of an older one and the function has no
            ``upgrade_state``, or its hook raised.
    """
    plain = {name: value for name, value in state.items() if name != STATE_VERSION}
    version = stored_version(state)
    hook = getattr(function, "upgrade_state", None)
    if not _needs_upgrade(function, version) or not plain:
        return plain
    if hook is None:
        raise StateError(
            f"{_name(function)} has state of version {version}, and is at "
            f"{_version_of(function)}. Define upgrade_state(version, state)."
        )
    try:
        return dict(hook(version, plain))
    except Exception as error:
        raise StateError(
            f"{_name(function)}.upgrade_state failed for version {version}: "
            f"{type(error).__name__}: {error}"
        ) from error


def upgrade_table(
    function: object, version: int, table: str, rows: Mapping[Payload, Payload]
) -> Mapping[Payload, Payload]:
    """Return a stored keyed table as the function wants it; the same object if nothing is to do.

    Args:
        function: The user's function.
        version: `stored_version` of the operator state of the same snapshot.
        table: Name of the table.
        rows: Its values by key.

    Raises:
        StateError: As `upgrade_state`. Without the hook ``upgrade_keyed_state`` tables are taken
            as they are: the fields may have changed and not the tables.
    """
    hook = getattr(function, "upgrade_keyed_state", None)
    if not _needs_upgrade(function, version) or hook is None:
        return rows
    upgraded = {}
    for key, value in rows.items():
        try:
            upgraded[key] = hook(version, table, value)
        except Exception as error:
            raise StateError(
                f"{_name(function)}.upgrade_keyed_state failed for version {version}, table "
                f"{table!r}, key {key!r:.80}: {type(error).__name__}: {error}"
            ) from error
    return upgraded


def _needs_upgrade(function: object, version: int) -> bool:
    now = _version_of(function)
    if version > now:
        raise StateError(
            f"{_name(function)} has state of version {version}, and is at {now} only. Run the "
            "newer program, or restore an older savepoint."
        )
    return version < now


def _version_of(function: object) -> int:
    version = getattr(function, "state_version", 1)
    if type(version) is not int or version < 1:
        raise StateError(
            f"{_name(function)}.state_version must be a whole number from 1, not {version!r}."
        )
    return version


def _name(function: object) -> str:
    return type(function).__qualname__
