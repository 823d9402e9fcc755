"""Compare records where their whole order is nobody's promise, and say what differs.

Layer: testing. Pure; knows records by ``==`` only.

Kernels promise each record once, and order among the records of one key. A test that compares
lists asks for more than that, and fails on the first kernel with two lanes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, TypeVar

from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Payload

__all__ = [
    "assert_per_key_order",
    "assert_same_records",
    "multiset_differences",
    "per_key_differences",
]

T = TypeVar("T")

_SHOWN: Final = 20
"""Differences of one sort that a message shows; the rest is counted."""
_AROUND: Final = 2
"""Records shown before the first one that is out of order."""


def assert_same_records(actual: Iterable[T], expected: Iterable[T]) -> None:
    """Assert that both hold the same records equally often, in any order.

    Raises:
        AssertionError: They do not; the message shows what is missing and what is too much.

    Example:
        >>> assert_same_records([2, 1, 1], [1, 1, 2])
        >>> assert_same_records([1, 4], [1, 1])
        Traceback (most recent call last):
        AssertionError: The records differ (2 expected, 2 there):
          missing:    1
          unexpected: 4
    """
    __tracebackhide__ = True
    actual, expected = list(actual), list(expected)
    if differences := multiset_differences(actual, expected):
        raise AssertionError(
            _message(
                f"The records differ ({len(expected)} expected, {len(actual)} there):", differences
            )
        )


def assert_per_key_order(
    actual: Iterable[T], expected: Iterable[T], *, key: Callable[[T], Hashable]
) -> None:
    """Assert that each key has the same records in the same order, keys among each other in any.

    Args:
        actual: What came out.
        expected: What should have, with the records of each key in their order.
        key: Tells the key of a record, as the function of a keyby does.

    Raises:
        AssertionError: They do not; the message shows, for each key that differs, where.

    Example:
        >>> assert_per_key_order(["b1", "a1", "a2"], ["a1", "a2", "b1"], key=lambda x: x[0])
        >>> assert_per_key_order(["a2", "a1"], ["a1", "a2"], key=lambda x: x[0])
        Traceback (most recent call last):
        AssertionError: The records of 1 key differ:
          key 'a', at its record 0: expected 'a1', got 'a2'
              expected: 'a1', 'a2'
              got:      'a2', 'a1'
    """
    __tracebackhide__ = True
    differences = per_key_differences(actual, expected, key=key)
    if differences:
        keys = "1 key differ" if len(differences) == 1 else f"{len(differences)} keys differ"
        raise AssertionError(_message(f"The records of {keys}:", differences))


def multiset_differences(actual: Iterable[Payload], expected: Iterable[Payload]) -> list[str]:
    """Return one line per record that is missing or too much; empty if there is no difference.

    Records need no hash: those that have none are compared one by one, which takes quadratic
    time in their number.
    """
    missing, unexpected = _left_over(list(expected), list(actual))
    return [
        *(f"missing:    {line}" for line in _counted(missing)),
        *(f"unexpected: {line}" for line in _counted(unexpected)),
    ]


def per_key_differences(
    actual: Iterable[T], expected: Iterable[T], *, key: Callable[[T], Hashable]
) -> list[str]:
    """Return one entry per key whose records differ, in the order in which keys are expected."""
    got, wanted = _by_key(actual, key), _by_key(expected, key)
    return [
        _key_difference(one, got.get(one, []), wanted.get(one, []))
        for one in dict.fromkeys([*wanted, *got])
        if got.get(one, []) != wanted.get(one, [])
    ]


def _message(headline: str, differences: Sequence[str]) -> str:
    lines = [headline, *(f"  {line}" for line in differences[:_SHOWN])]
    if len(differences) > _SHOWN:
        lines.append(f"  ... and {len(differences) - _SHOWN} more")
    return "\n".join(lines)


def _by_key(records: Iterable[T], key: Callable[[T], Hashable]) -> dict[Hashable, list[T]]:
    groups: dict[Hashable, list[T]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def _key_difference(key: Hashable, got: Sequence[object], wanted: Sequence[object]) -> str:
    shorter = min(len(got), len(wanted))
    at = next((place for place in range(shorter) if got[place] != wanted[place]), shorter)
    begin = max(0, at - _AROUND)
    return (
        f"key {key!r}, at its record {at}: expected {_one(wanted, at)}, got {_one(got, at)}\n"
        f"      expected: {_excerpt(wanted, begin)}\n"
        f"      got:      {_excerpt(got, begin)}"
    )


def _one(records: Sequence[object], at: int) -> str:
    return shorten_repr(records[at]) if at < len(records) else "nothing"


def _excerpt(records: Sequence[object], begin: int) -> str:
    shown = [shorten_repr(record, 60) for record in records[begin : begin + 2 * _AROUND + 1]]
    before = ["..."] if begin else []
    after = ["..."] if begin + len(shown) < len(records) else []
    return ", ".join([*before, *shown, *after]) or "(nothing)"


def _left_over(left: list[Payload], right: list[Payload]) -> tuple[list[Payload], list[Payload]]:
    """Return what each side has beyond the other, equal records cancelling out."""
    try:
        lefts, rights = Counter(left), Counter(right)
    except TypeError:
        return _left_over_by_comparing(left, right)
    return list((lefts - rights).elements()), list((rights - lefts).elements())


def _left_over_by_comparing(
    left: list[Payload], right: list[Payload]
) -> tuple[list[Payload], list[Payload]]:
    only_left: list[Payload] = []
    only_right = list(right)
    for record in left:
        if record in only_right:
            only_right.remove(record)
        else:
            only_left.append(record)
    return only_left, only_right


def _counted(records: list[Payload]) -> list[str]:
    shown = Counter(shorten_repr(record) for record in records)
    return [text if count == 1 else f"{text}   ({count} times)" for text, count in shown.items()]
