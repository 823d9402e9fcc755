"""State that an older version of a function left, made fit for the newer one.

Layer: storage. Kernels store the version with the state, and have the function's own hooks called
when they restore.

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

__all__ = ["STATE_VERSION", "upgrade_state", "upgrade_table", "version_of"]

STATE_VERSION: Final = "__version__"
"""Reserved entry of operator state: the function's ``state_version``, if it is not 1."""


def version_of(function: object) -> int:
    """Return the ``state_version`` of a function; 1 if it says none.

    Raises:
        StateError: It is no whole number from 1.
    """
    version = getattr(function, "state_version", 1)
    if type(version) is not int or version < 1:
        raise StateError(
            f"{_name(function)}.state_version must be a whole number from 1, not {version!r}."
        )
    return version


def upgrade_state(
    function: object, version: int, state: Mapping[str, Payload]
) -> Mapping[str, Payload]:
    """Return stored state as the function wants it; the same object if nothing is to do.

    Args:
        function: The user's function.
        version: Of the function that left the state.
        state: Its fields, or what its ``get_state`` returned.

    Raises:
        StateError: It is of a newer version, or of an older one and the function has no
            ``upgrade_state``, or its hook raised.
    """
    hook = getattr(function, "upgrade_state", None)
    if not _needs_upgrade(function, version) or not state:
        return state
    if hook is None:
        raise StateError(
            f"{_name(function)} has state of version {version}, and is at "
            f"{version_of(function)}. Define upgrade_state(version, state)."
        )
    try:
        upgraded: Mapping[str, Payload] = hook(version, state)
    except Exception as error:
        raise StateError(
            f"{_name(function)}.upgrade_state failed for version {version}: "
            f"{type(error).__name__}: {error}"
        ) from error
    return upgraded


def upgrade_table(
    function: object, version: int, table: str, rows: Mapping[Payload, Payload]
) -> Mapping[Payload, Payload]:
    """Return a stored keyed table as the function wants it; the same object if nothing is to do.

    Args:
        function: The user's function.
        version: Of the function that left the table.
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
    now = version_of(function)
    if version > now:
        raise StateError(
            f"{_name(function)} has state of version {version}, and is at {now} only. Run the "
            "newer program, or restore an older savepoint."
        )
    return version < now


def _name(function: object) -> str:
    return type(function).__qualname__
