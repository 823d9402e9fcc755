"""R8: state of an older version of a function is upgraded, or refused, never taken as it is."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api.errors import StateError
from sage_kernel_api.storage.state_upgrade import (
    upgrade_state,
    upgrade_table,
    version_of,
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
    upgraded = upgrade_state(Second(), 1, {"sum": 3})

    assert upgraded == {"total": 3, "from": 1}
    assert upgrade_state(Second(), 2, upgraded) is upgraded


def test_keyed_tables_are_upgraded_value_by_value() -> None:
    """Keyed state is where most state is."""
    rows = {"a": 1}

    assert upgrade_table(Second(), 1, "t", rows) == {"a": ("t", 2)}
    assert upgrade_table(Second(), 2, "t", rows) is rows
    assert upgrade_table(First(), 1, "t", rows) is rows
    assert upgrade_table(Forgetful(), 1, "t", rows) is rows


def test_state_that_nobody_upgrades_is_refused() -> None:
    """The author counted the version up and forgot the hook."""
    with pytest.raises(StateError, match=r"Define upgrade_state\(version, state\)"):
        upgrade_state(Forgetful(), 1, {"sum": 3})
    assert upgrade_state(Forgetful(), 1, {}) == {}


def test_state_of_a_newer_version_is_refused() -> None:
    """R7: a program that was rolled back must not read what it does not know."""
    with pytest.raises(StateError, match="version 2, and is at 1 only"):
        upgrade_state(First(), 2, {"total": 3})
    with pytest.raises(StateError, match="version 2, and is at 1 only"):
        upgrade_table(First(), 2, "t", {})


def test_a_hook_that_raises_is_named() -> None:
    """R5: the user's error is the cause, and says where."""
    with pytest.raises(StateError, match=r"Second\.upgrade_state .*KeyError: 'sum'"):
        upgrade_state(Second(), 1, {"x": 3})
    with pytest.raises(StateError, match=r"table 't', key 'a': TypeError"):
        upgrade_table(Second(), 1, "t", {"a": None})


@pytest.mark.parametrize("version", [0, "2", True, None])
def test_a_version_that_is_none_is_refused(version: Any) -> None:
    """A version that cannot be compared would upgrade nothing."""
    function = type("Function", (), {"state_version": version})()

    with pytest.raises(StateError, match="must be a whole number"):
        version_of(function)
