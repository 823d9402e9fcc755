"""Kernels set key and time for every method that could ask for them, and for no other."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment, MapFunction
from sage_kernel_api.core.operators.use_of_self import may_use_self


class Base:
    def plain(self, data: int) -> object:
        return data + 1

    def overridden(self, data: int) -> object:
        return data


def passed_on(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any) -> Any:
        return method(*args)

    return call


class Methods(Base):
    factor = 2

    def named(self, data: int) -> object:
        return self.factor * data

    def overridden(self, data: int) -> object:
        return super().overridden(data)

    def in_closure(self, data: int) -> object:
        return (lambda: self.factor * data)()

    def in_comprehension(self, data: int) -> object:
        return [self.factor for _ in range(data)]

    def by_locals(self, data: int) -> object:
        return (data, locals())

    def by_frame(self, data: int) -> object:
        return (data, sys._getframe())

    def by_evaluation(self, data: int) -> object:
        return (data, eval("self"))

    @passed_on
    def decorated(self, data: int) -> object:
        return self.factor * data

    def deleted(self, data: int) -> object:
        del self
        return data

    def assigned(self, data: int) -> object:
        text = "self"
        return (data, text)

    @classmethod
    def of_class(cls, data: int) -> object:
        return cls.factor * data

    @staticmethod
    def static(data: int) -> object:
        return data


@pytest.mark.parametrize(
    "name",
    [
        "named",
        "overridden",
        "in_closure",
        "in_comprehension",
        "by_locals",
        "by_frame",
        "by_evaluation",
        "decorated",
        "of_class",
        "static",
    ],
)
def test_every_way_to_oneself_is_seen(name: str) -> None:
    """Where it cannot be told, the key is set: a wrong no would be a wrong result."""
    assert may_use_self(getattr(Methods(), name))


@pytest.mark.parametrize("name", ["plain", "assigned"])
def test_methods_that_never_name_their_object_need_nothing(name: str) -> None:
    """These are the small functions for which every nanosecond shows."""
    assert not may_use_self(getattr(Methods(), name))


def test_what_is_no_plain_method_may_do_anything() -> None:
    """A callable object, a function of C."""
    assert may_use_self([].append)
    assert may_use_self(functools.partial(max, 1))


class Joined(MapFunction[str, str]):
    """Asks for the key by way of a method of its own."""

    def execute(self, data: str) -> str:
        return self._with_key(data)

    def _with_key(self, data: str) -> str:
        return f"{self.ctx.get_key()}:{data}"


def test_a_function_that_asks_gets_its_key_beside_ones_that_do_not(
    env: LocalEnvironment,
) -> None:
    """Both in one loop."""

    class Upper(MapFunction[str, str]):
        def execute(self, data: str) -> str:
            return data.upper()

    keyed = env.from_collection(["b", "a"]).keyby(lambda text: f"key of {text}")

    assert keyed.map(Upper).map(Joined).collect() == ["key of b:B", "key of a:A"]
