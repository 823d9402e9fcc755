"""Which functions cannot look at anything but their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sage_kernel_default.engine.self_contained import is_self_contained

SEEN: list[int] = []


def a_constant(data: int) -> int:
    return data * 3 + 1


def a_branch(data: int) -> int:
    if data > 0:
        return -data
    return data


def a_global(data: int) -> bool:
    return data in SEEN


def a_builtin(data: int) -> int:
    return abs(data)


def an_attribute(data: int) -> int:
    return data.numerator


def an_inner_global(data: int) -> Any:
    return lambda: SEEN


def an_import(data: int) -> int:
    import tests.default.test_self_contained  # noqa: F401 - what it brings is the point

    return data


def a_default(data: int, seen: Any = SEEN) -> bool:
    return data in seen


def a_keyword_default(data: int, *, seen: Any = SEEN) -> bool:
    return data in seen


def a_closure() -> Callable[[int], bool]:
    seen: list[int] = []
    return lambda data: data in seen


class Looks(list[int]):
    """Methods that use their object, and some that do not."""

    def idle(self, data: int) -> int:
        return data + 1

    def contains(self, data: int) -> bool:
        return data in self

    def contains_later(self, data: int) -> Any:
        return lambda: data in self

    def contains_all(self, data: int) -> Any:
        return [data in self for _ in (1, 2)]

    def contains_named(self, data: int) -> bool:
        return (named := data) not in self or named < 0

    def equals_each(self, data: Any) -> Any:
        return [self == data for _ in (1, 2)]

    @staticmethod
    def free(data: int) -> int:
        return data + 1


@pytest.mark.parametrize(
    "call", [a_constant, a_branch, lambda data: (data, data % 2), Looks().idle, Looks.free]
)
def test_what_names_nothing_sees_nothing(call: Callable[..., Any]) -> None:
    """These are the functions whose results may be handed on together."""
    assert is_self_contained(call)


@pytest.mark.parametrize(
    "call",
    [
        *(a_global, a_builtin, an_attribute, an_inner_global, an_import),
        *(a_default, a_keyword_default, a_closure()),
        *(Looks().contains, Looks().contains_later, Looks().contains_all),
        *(Looks().contains_named, Looks().equals_each),
        *(abs, int, [].append, Looks(), Looks),
    ],
)
def test_what_has_a_way_to_look_is_told_apart(call: Callable[..., Any]) -> None:
    """One that is missed here would see results later than it was used to."""
    assert not is_self_contained(call)
