"""Whether a method can reach its own object, and with it the context of the record at hand.

Layer: core.
"""

from __future__ import annotations

import dis
from collections.abc import Callable
from functools import cache
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

__all__ = ["may_use_self"]

_LOOKING_AROUND: Final = frozenset(
    {"locals", "vars", "dir", "eval", "exec", "_getframe", "currentframe", "stack", "getframe"}
)


def may_use_self(method: Callable[..., Any]) -> bool:
    """Tell whether a call of *method* may use the object that it is bound to.

    False only for a plain method whose code never names its first parameter, as many small ones
    are. Such a method cannot ask for the key or the time of its record, and a kernel need not
    set them.

    Example:
        >>> class Functions:
        ...     def double(self, data: int) -> int:
        ...         return data * 2
        ...     def named(self, data: int) -> tuple[object, int]:
        ...         return (self, data)
        >>> may_use_self(Functions().double), may_use_self(Functions().named)
        (False, True)
    """
    if not isinstance(method, MethodType) or not isinstance(method.__func__, FunctionType):
        return True
    return _uses_first_parameter(method.__func__.__code__)


@cache
def _uses_first_parameter(code: CodeType) -> bool:
    if not code.co_argcount or not _LOOKING_AROUND.isdisjoint(code.co_names):
        return True
    first = code.co_varnames[0]
    if first in code.co_cellvars or code.co_freevars:
        return True  # an inner function; super(), which finds its object by itself
    # Python 3.13 loads two variables by one instruction, and gives their names as a tuple.
    return any(
        first in (step.argval if isinstance(step.argval, tuple) else (step.argval,))
        for step in dis.get_instructions(code)
        if step.opcode not in dis.hasconst
    )
