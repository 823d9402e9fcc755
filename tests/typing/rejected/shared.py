"""Functions that the rejected programs use; right in themselves."""

from typing import Protocol

from sage_kernel_api import (
    BaseJoinFunction,
    FilterFunction,
    FlatMapFunction,
    KeyByFunction,
    LocalEnvironment,
    MapFunction,
    SinkFunction,
    SourceFunction,
    StopSignal,
)

env = LocalEnvironment("typing")
ints = env.from_collection([1, 2, 3])
words = env.from_collection(["a", "b"])


class Add(MapFunction[int, int]):
    def __init__(self, by: int) -> None:
        self.by = by

    def execute(self, data: int) -> int:
        return data + self.by


class Length(MapFunction[str, int]):
    def execute(self, data: str) -> int:
        return len(data)


class IsLong(FilterFunction[str]):
    def __init__(self, least: int = 3) -> None:
        self.least = least

    def execute(self, data: str) -> bool:
        return len(data) >= self.least


class Split(FlatMapFunction[str, str]):
    def execute(self, data: str) -> list[str]:
        return data.split()


class FirstLetter(KeyByFunction[str, str]):
    def execute(self, data: str) -> str:
        return data[:1]


class Keep(SinkFunction[str]):
    def __init__(self, path: str) -> None:
        self.path = path

    def execute(self, data: str) -> None:
        print(data)


class Count(SourceFunction[int]):
    def __init__(self, upto: int) -> None:
        self.left = upto

    def execute(self) -> int | StopSignal:
        self.left -= 1
        return self.left if self.left >= 0 else StopSignal("count")


class PairUp(BaseJoinFunction[str, int, str, tuple[str, int]]):
    def execute(self, payload: int | str, key: str, tag: int) -> list[tuple[str, int]]:
        return [(key, tag)]


class Cache(Protocol):
    def get(self, key: str) -> int: ...


def double(value: int) -> int:
    return value * 2


def scale(factor: int, value: int) -> int:
    return factor * value


def shout(word: str) -> str:
    return word.upper()
