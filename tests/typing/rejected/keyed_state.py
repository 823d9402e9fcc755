"""Mistakes around keyed state that type checkers must find."""

from __future__ import annotations

from sage_kernel_api import ListState, MapState, ReducingState, ValueState


class States:
    seen = ValueState(0)
    recent = ListState[str]()
    pages = MapState[str, int]()
    longest = ReducingState[int](max)


def a_value_of_another_type(states: States) -> None:
    states.seen.set("many")  # rejected: arg-type


def an_item_of_another_type(states: States) -> None:
    states.recent.append(1)  # rejected: arg-type


def a_change_past_the_state(states: States) -> None:
    states.recent.get().append("x")  # rejected: attr-defined


def an_entry_of_another_type(states: States) -> None:
    states.pages.set(1, 1)  # rejected: arg-type


def a_value_that_may_be_missing(states: States) -> int:
    return states.longest.get()  # rejected: return-value


def a_default_of_another_type() -> None:
    ValueState[int]("0")  # rejected: arg-type
