"""From a plain callable to a function class, for programs that build their classes themselves.

Layer: core. Steps take callables as they are; nobody needs this to use a lambda.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from sage_kernel_api.core.functions.base_function import BaseFunction
from sage_kernel_api.core.functions.element_functions import (
    FilterFunction,
    FlatMapFunction,
    KeyByFunction,
    MapFunction,
    SinkFunction,
)
from sage_kernel_api.core.functions.source_functions import SourceFunction
from sage_kernel_api.errors import InterfaceError
from sage_kernel_api.lifecycle import shorten_repr

__all__ = ["LambdaType", "detect_lambda_type", "wrap_lambda"]

LambdaType: TypeAlias = Literal["map", "filter", "flatmap", "sink", "source", "keyby"]

_BASES: dict[str, type[BaseFunction]] = {
    "map": MapFunction,
    "filter": FilterFunction,
    "flatmap": FlatMapFunction,
    "sink": SinkFunction,
    "source": SourceFunction,
    "keyby": KeyByFunction,
}


def detect_lambda_type(function: Callable[..., Any]) -> LambdaType:
    """Guess what a callable is for, from its signature.

    Returns:
        ``source`` without parameters; by its return annotation ``filter`` (bool), ``flatmap``
        (list) or ``sink`` (None); otherwise ``map``.

    Raises:
        InterfaceError: It needs more than one argument, or has no signature.

    Example:
        >>> detect_lambda_type(lambda: 1), detect_lambda_type(lambda x: x)
        ('source', 'map')
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise InterfaceError(
            f"{shorten_repr(function)} has no signature to guess from; say what it is for: "
            'wrap_lambda(function, "map").'
        ) from error
    needed = [each for each in signature.parameters.values() if each.default is each.empty]
    if len(needed) > 1:
        raise InterfaceError(f"{function!r} needs {len(needed)} arguments; a step gives it one.")
    if not signature.parameters:
        return "source"
    returned = signature.return_annotation
    if returned in (bool, "bool"):
        return "filter"
    if returned in (None, "None"):
        return "sink"
    if returned is list or str(returned).startswith(("list[", "List[", "typing.List")):
        return "flatmap"
    return "map"


def wrap_lambda(
    function: Callable[..., Any], func_type: LambdaType | None = None
) -> type[BaseFunction]:
    """Return a function class whose ``execute`` is *function*.

    Args:
        function: Called with the record (a source: with nothing).
        func_type: What it is for; None to guess with `detect_lambda_type`.

    Raises:
        InterfaceError: *function* cannot be called, *func_type* is unknown, or the guess fails.

    Example:
        >>> wrap_lambda(lambda x: x + 1, "map")().execute(1)
        2
    """
    if not callable(function):
        raise InterfaceError(f"{shorten_repr(function)} cannot be called; give a function.")
    kind = detect_lambda_type(function) if func_type is None else func_type
    if kind not in tuple(_BASES):
        raise InterfaceError(f"func_type={kind!r} is unknown; it is one of {', '.join(_BASES)}.")
    name = f"Lambda{kind.capitalize()}Function"
    members = {"execute": staticmethod(function), "__doc__": f"A {kind} made from {function!r}."}
    return type(name, (_BASES[kind],), members)
