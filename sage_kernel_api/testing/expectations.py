"""How a contract test says what it expects; needs no test framework and no `assert` statement.

Layer: testing. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from sage_kernel_api.lifecycle import shorten_repr

__all__ = [
    "BrokenPromiseError",
    "expect",
    "expect_equal",
    "expect_error",
    "expect_same",
    "expect_same_records",
    "expect_type",
]

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")
_LONG = 400


class BrokenPromiseError(AssertionError):
    """The kernel does not do what the contract says; the message tells what was seen."""


def expect(is_so: object, otherwise: str) -> None:
    """Raise unless *is_so*.

    Raises:
        BrokenPromiseError: With the words *otherwise*.
    """
    if not is_so:
        raise BrokenPromiseError(otherwise)


def expect_equal(actual: object, expected: object, what: str) -> None:
    """Compare values and their types; sequences also item by item.

    ``0``, ``0.0`` and ``False`` are equal in Python, and not the same record.

    Raises:
        BrokenPromiseError: They differ; the message shows the first difference.
    """
    if actual == expected and repr(actual) == repr(expected):
        return
    raise BrokenPromiseError(
        f"{what}: got {shorten_repr(actual, _LONG)}, expected {shorten_repr(expected, _LONG)}"
        f"{_first_difference(actual, expected)}"
    )


def expect_same(actual: object, expected: object, what: str) -> None:
    """Raise unless both are one object.

    Raises:
        BrokenPromiseError: They are not.
    """
    if actual is not expected:
        raise BrokenPromiseError(
            f"{what}: got {shorten_repr(actual)}, which is not the same object as "
            f"{shorten_repr(expected)}"
        )


def expect_same_records(actual: Iterable[Any], expected: Iterable[Any], what: str) -> None:
    """Compare records without regard to their order.

    Raises:
        BrokenPromiseError: Some are missing or too many; the message shows which.
    """
    seen, wanted = Counter(map(repr, actual)), Counter(map(repr, expected))
    if seen == wanted:
        return
    missing, extra = list((wanted - seen).elements()), list((seen - wanted).elements())
    raise BrokenPromiseError(
        f"{what}: {len(missing)} records missing ({_some(missing)}), "
        f"{len(extra)} too many ({_some(extra)})"
    )


def expect_type(value: object, kind: type[T], what: str) -> T:
    """Return *value*, which is a *kind*.

    Raises:
        BrokenPromiseError: It is not.
    """
    if not isinstance(value, kind):
        raise BrokenPromiseError(f"{what}: got {shorten_repr(value)}, expected a {kind.__name__}")
    return value


def expect_error(kind: type[E], call: Callable[..., object], *args: Any, **kwargs: Any) -> E:
    """Return the error of type *kind* that ``call(*args, **kwargs)`` raises.

    Raises:
        BrokenPromiseError: It raised another one, which is the cause, or nothing.
    """
    said = getattr(call, "__qualname__", repr(call))
    try:
        result = call(*args, **kwargs)
    except kind as error:
        return error
    except Exception as error:
        raise BrokenPromiseError(
            f"{said} must raise {kind.__name__}, but raised {type(error).__name__}: {error}"
        ) from error
    raise BrokenPromiseError(
        f"{said} must raise {kind.__name__}, but returned {shorten_repr(result)}"
    )


def _some(items: Sequence[str]) -> str:
    shown = ", ".join(items[:5])
    return f"{shown}, ..." if len(items) > 5 else shown or "none"


def _first_difference(actual: object, expected: object) -> str:
    if not (isinstance(actual, (list, tuple)) and isinstance(expected, (list, tuple))):
        return ""
    for place, (one, other) in enumerate(zip(actual, expected, strict=False)):
        if repr(one) != repr(other):
            return f" (first difference at {place}: {shorten_repr(one)} for {shorten_repr(other)})"
    return f" ({len(actual)} items, expected {len(expected)})"
