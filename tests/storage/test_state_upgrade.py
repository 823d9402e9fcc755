"""R8: state of an older version of a function is upgraded, or refused, never taken as it is."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from sage_kernel_api.errors import StateError
from sage_kernel_api.storage import state_upgrade as module
from sage_kernel_api.storage.state_upgrade import (
    stamp_state,
    stored_version,
    upgrade_state,
    upgrade_table,
)


class First:
    pass


class Second:
    state_version = 2

    def upgrade_state(self, version: int, state: dict[str, Any]) -> dict[str, Any]:
        return {"total": state["sum"], "from": version}

    def upgrade_keyed_state(self, version: int, table: str, value: Any) -> Any:
        return (table, value + 1)


class Forgetful:
    state_version = 2


def test_r8_state_of_an_older_version_is_upgraded_once() -> None:
    """A field that was renamed would silently begin at its default."""
    stored = stamp_state(First(), {"sum": 3})

    upgraded = upgrade_state(Second(), stored)
    again = upgrade_state(Second(), stamp_state(Second(), upgraded))

    assert upgraded == again == {"total": 3, "from": 1}


def test_keyed_tables_are_upgraded_value_by_value() -> None:
    """Keyed state is where most state is."""
    version = stored_version(stamp_state(First(), {}))

    assert upgrade_table(Second(), version, "t", {"a": 1}) == {"a": ("t", 2)}
    rows = {"a": 1}
    assert upgrade_table(Second(), 2, "t", rows) is rows
    assert upgrade_table(First(), 1, "t", rows) is rows


def test_state_that_nobody_upgrades_is_refused() -> None:
    """The author counted the version up and forgot the hook."""
    with pytest.raises(StateError, match=r"Define upgrade_state\(version, state\)"):
        upgrade_state(Forgetful(), stamp_state(First(), {"sum": 3}))
    assert upgrade_state(Forgetful(), {}) == {}


def test_state_of_a_newer_version_is_refused() -> None:
    """R7: a program that was rolled back must not read what it does not know."""
    stored = stamp_state(Second(), {"total": 3})

    with pytest.raises(StateError, match="version 2, and is at 1 only"):
        upgrade_state(First(), stored)
    with pytest.raises(StateError, match="version 2, and is at 1 only"):
        upgrade_table(First(), 2, "t", {})


def test_a_hook_that_raises_is_named() -> None:
    """R5: the user's error is the cause, and says where."""
    with pytest.raises(StateError, match=r"Second\.upgrade_state .*KeyError: 'sum'"):
        upgrade_state(Second(), {"x": 3})
    with pytest.raises(StateError, match=r"table 't', key 'a': TypeError"):
        upgrade_table(Second(), 1, "t", {"a": None})


@pytest.mark.parametrize("version", [0, "2", True, None])
def test_a_version_that_is_none_is_refused(version: Any) -> None:
    """A version that cannot be compared would upgrade nothing."""
    function = type("Function", (), {"state_version": version})()

    with pytest.raises(StateError, match="must be a whole number"):
        stamp_state(function, {})


def test_the_examples_run() -> None:
    """An example that is wrong is worse than none."""
    assert doctest.testmod(module).failed == 0
