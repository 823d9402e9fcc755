"""Comparing records: what is equal, and what a failing comparison tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.testing.assertions import (
    assert_per_key_order,
    assert_same_records,
    multiset_differences,
    per_key_differences,
)


@given(st.lists(st.integers(0, 5)), st.randoms())
def test_any_order_of_the_same_records_is_equal(records: list[int], shuffler: object) -> None:
    """Lanes race: a test must not fail on their order."""
    shuffled = list(records)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random

    assert_same_records(shuffled, records)
    assert_same_records(([value] for value in shuffled), [[value] for value in records])


@given(st.lists(st.integers(0, 5)), st.integers(0, 5))
def test_one_record_too_much_or_too_few_is_always_found(records: list[int], extra: int) -> None:
    """A duplicate after a restart is exactly one equal record too much."""
    more = [*records, extra]

    assert multiset_differences(more, records) == [f"unexpected: {extra}"]
    assert multiset_differences(records, more) == [f"missing:    {extra}"]
    assert multiset_differences([[x] for x in more], [[x] for x in records]) == [
        f"unexpected: [{extra}]"
    ]


def test_the_message_shows_both_sides_with_counts() -> None:
    """Whoever reads a failed run must see what was lost without a debugger."""
    with pytest.raises(AssertionError) as caught:
        assert_same_records(["a", "x", "x"], ["a", "b"])

    assert str(caught.value).splitlines() == [
        "The records differ (2 expected, 3 there):",
        "  missing:    'b'",
        "  unexpected: 'x'   (2 times)",
    ]


def test_a_message_about_many_records_stays_readable() -> None:
    """A million lines of differences would hide the headline."""
    with pytest.raises(AssertionError) as caught:
        assert_same_records(range(1000), [])

    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  ... and 980 more"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3))))
def test_keys_may_interleave_in_any_way(records: list[tuple[int, int]]) -> None:
    """Kernels promise the order within a key, and no other one."""
    by_key = sorted(records, key=lambda pair: pair[0])

    assert_per_key_order(by_key, records, key=lambda pair: pair[0])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=2), st.data())
def test_two_swapped_records_of_one_key_are_found(
    records: list[tuple[int, int]], data: st.DataObject
) -> None:
    """A running count per key is wrong as soon as two records of a key swap."""
    first = data.draw(st.integers(0, len(records) - 1))
    second = data.draw(st.integers(0, len(records) - 1))
    swapped = list(records)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    is_other = [[p for p in swapped if p[0] == k] for k in range(3)] != [
        [p for p in records if p[0] == k] for k in range(3)
    ]

    assert bool(per_key_differences(swapped, records, key=lambda pair: pair[0])) == is_other


def test_the_message_shows_the_place_within_the_key() -> None:
    """Of ten thousand records, two are of interest."""
    expected = [("a", n) for n in range(9)]
    actual = [*expected[:5], expected[6], expected[5], *expected[7:], ("b", 1)]

    with pytest.raises(AssertionError) as caught:
        assert_per_key_order(actual, expected, key=lambda pair: pair[0])

    assert str(caught.value).splitlines() == [
        "The records of 2 keys differ:",
        "  key 'a', at its record 5: expected ('a', 5), got ('a', 6)",
        "      expected: ..., ('a', 3), ('a', 4), ('a', 5), ('a', 6), ('a', 7), ...",
        "      got:      ..., ('a', 3), ('a', 4), ('a', 6), ('a', 5), ('a', 7), ...",
        "  key 'b', at its record 0: expected nothing, got ('b', 1)",
        "      expected: (nothing)",
        "      got:      ('b', 1)",
    ]
