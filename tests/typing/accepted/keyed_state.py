"""Keyed state whose types must be inferred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

from sage_kernel_api import (
    KeyedStream,
    ListState,
    MapFunction,
    MapState,
    ReducingState,
    ValueState,
)


class Count(MapFunction[str, tuple[str, int]]):
    seen = ValueState(0)
    last = ValueState[str | None](None)
    recent = ListState[str]()
    pages = MapState[str, int]()
    longest = ReducingState[int](max)

    def execute(self, data: str) -> tuple[str, int]:
        assert_type(self.seen.get(), int)
        assert_type(self.last.get(), str | None)
        assert_type(self.recent.get(), Sequence[str])
        assert_type(self.pages.get(data), int | None)
        assert_type(self.pages.get(data, 0), int)
        assert_type(self.pages.items(), list[tuple[str, int]])
        assert_type(self.longest.add(len(data)), int)
        assert_type(self.longest.get(), int | None)
        return data, self.seen.get()


def a_function_with_state(words: KeyedStream[str, str]) -> None:
    assert_type(words.map(Count).execute_and_collect(), list[tuple[str, int]])
