"""Named values of one instance: kept as copies, private, all or nothing.

Layer: testing. Promises of `StateManager`.
"""

from __future__ import annotations

import threading
from typing import Any

from sage_kernel_api.errors import StateError
from sage_kernel_api.storage import StateManager
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error, expect_same
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability

VALUES: dict[str, Any] = {
    "None": None,
    "zero": 0,
    "False": False,
    "an empty text": "",
    "bytes": b"\x00\xff",
    "a huge number": 1 << 4000,
    "a list": [1, [2, None]],
    "a dictionary": {"a": {1: (2, 3)}},
    "a pair": (1, "a"),
    "a fraction": 0.1,
}


CHANGES: dict[str, tuple[Any, Any]] = {
    "a list": (lambda: [1], lambda value: value.append(2)),
    "a dictionary": (lambda: {"a": 1}, lambda value: value.update(a=2)),
    "bytes in place": (lambda: bytearray(b"a"), lambda value: value.extend(b"b")),
    "something inside": (lambda: {"a": [1]}, lambda value: value["a"].append(2)),
    "a set": (lambda: {1}, lambda value: value.add(2)),
}


KEYS = {
    "empty": "",
    "a path": "../../etc/passwd",
    "a zero byte": "a\x00b",
    "long": "k" * 3_000,
    "composed": "\u00e9",
    "blank": " ",
}


@promise(Capability.STATE)
def a_missing_value_has_the_default(bench: Workbench) -> None:
    """`load_state` returns the default for what was never saved, None if none is given."""
    state = _state(bench)
    default = object()

    expect_equal(state.load_state("k"), None, "without a default")
    expect_same(state.load_state("k", default), default, "the default")


@promise(Capability.STATE, variants=VALUES)
def a_saved_value_comes_back(bench: Workbench, value: Any) -> None:
    """`save_state` returns True, and `load_state` the value, not the default."""
    state = _state(bench)

    expect_equal(state.save_state("k", value), True, "save_state")

    expect_equal(state.load_state("k", "the default"), value, "the value")


@promise(Capability.STATE)
def a_later_value_takes_the_place(bench: Workbench) -> None:
    """`save_state` replaces what was there, also by None, and leaves the other keys."""
    state = _state(bench)
    state.save_state("a", 1)
    state.save_state("b", 2)

    state.save_state("a", None)

    expect_equal((state.load_state("a", 7), state.load_state("b")), (None, 2), "the values")


@promise(Capability.STATE, variants=CHANGES)
def a_change_after_saving_changes_nothing(bench: Workbench, case: tuple[Any, Any]) -> None:
    """Values are copied on the way in."""
    make, change = case
    state = _state(bench)
    value = make()
    state.save_state("k", value)

    change(value)

    expect_equal(state.load_state("k"), make(), "the saved value")


@promise(Capability.STATE, variants=CHANGES)
def a_change_after_loading_changes_nothing(bench: Workbench, case: tuple[Any, Any]) -> None:
    """Values are copied on the way out."""
    make, change = case
    state = _state(bench)
    state.save_state("k", make())

    change(state.load_state("k"))

    expect_equal(state.load_state("k"), make(), "the saved value")


@promise(Capability.STATE, variants=KEYS)
def any_text_is_a_key(bench: Workbench, key: str) -> None:
    """Keys are names, not paths; different texts are different keys."""
    state = _state(bench)
    state.save_state(key, 1)
    state.save_state(f"{key}x", 2)
    state.save_state("e\u0301", 3)

    expect_equal(state.load_state(key), 1, "the value")
    expect_equal(state.clear_state(key), True, "clear_state")


@promise(Capability.STATE)
def a_cleared_key_is_forgotten(bench: Workbench) -> None:
    """`clear_state` returns True once and False afterwards; the default is back."""
    state = _state(bench)
    state.save_state("k", None)

    expect_equal((state.clear_state("k"), state.clear_state("k")), (True, False), "clear_state")

    expect_equal(state.load_state("k", 5), 5, "the value")


@promise(
    Capability.STATE, variants={"a lock": threading.Lock, "a generator": lambda: (x for x in [1])}
)
def a_value_that_cannot_be_kept_leaves_the_old_one(bench: Workbench, make: Any) -> None:
    """`save_state` raises `StateError`; the old value stays."""
    state = _state(bench)
    state.save_state("k", 1)

    expect_error(StateError, state.save_state, "k", [make()])

    expect_equal(state.load_state("k"), 1, "the value")


@promise(Capability.STATE)
def a_checkpoint_brings_all_values_back(bench: Workbench) -> None:
    """`restore_checkpoint` sets all values to what they were; later keys are forgotten."""
    state = _state(bench)
    state.save_state("changed", [1])
    state.save_state("cleared", 2)
    expect_equal(state.create_checkpoint("c"), True, "create_checkpoint")
    state.save_state("changed", [9])
    state.clear_state("cleared")
    state.save_state("later", 3)

    expect_equal(state.restore_checkpoint("c"), True, "restore_checkpoint")

    values = [state.load_state(key, "none") for key in ("changed", "cleared", "later")]
    expect_equal(values, [[1], 2, "none"], "the values")


@promise(Capability.STATE)
def a_checkpoint_is_not_overwritten(bench: Workbench) -> None:
    """`create_checkpoint` returns False for an id that exists; the old one stays."""
    state = _state(bench)
    state.save_state("k", 1)
    state.create_checkpoint("c")
    state.save_state("k", 2)

    expect_equal(state.create_checkpoint("c"), False, "the second create_checkpoint")

    state.restore_checkpoint("c")
    expect_equal(state.load_state("k"), 1, "the value")


@promise(Capability.STATE)
def an_unknown_checkpoint_changes_nothing(bench: Workbench) -> None:
    """`restore_checkpoint` returns False if there is none of that id."""
    state = _state(bench)
    state.save_state("k", 1)

    expect_equal(state.restore_checkpoint("nothing"), False, "restore_checkpoint")

    expect_equal(state.load_state("k"), 1, "the value")


@promise(Capability.STATE)
def a_checkpoint_may_be_restored_again(bench: Workbench) -> None:
    """Restoring does not use it up, and what was changed since does not leak into it."""
    state = _state(bench)
    state.save_state("k", [1])
    state.create_checkpoint("c")
    for _ in range(2):
        state.restore_checkpoint("c")
        value = state.load_state("k")
        expect_equal(value, [1], "the value")
        value.append(2)
        state.save_state("k", value)


@promise(Capability.STATE)
def many_values_are_kept(bench: Workbench) -> None:
    """A thousand keys keep their own values each."""
    state = _state(bench)
    for number in range(1_000):
        state.save_state(f"k{number}", {"n": number})

    wrong = [n for n in range(1_000) if state.load_state(f"k{n}") != {"n": n}]
    expect(not wrong, f"wrong values for {wrong[:5]!r}")


def _state(bench: Workbench) -> StateManager:
    return bench.kernel.create_execution_context({"name": "count"}).state_manager
