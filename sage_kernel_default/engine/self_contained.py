"""Which functions can see nothing but what they are called with.

Layer: engine. Pure.

What such a function returns does not depend on the moment at which results of earlier records
become visible, so a loop may hand them on together. Unless the records themselves lead there:
operators of their classes, or the very list inside of a record, are not looked for.
"""

from __future__ import annotations

import dis
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any

__all__ = ["is_self_contained"]


def is_self_contained(call: Callable[..., Any]) -> bool:
    """True for a function, or a method that never uses its object, without any outside name.

    Strict rather than clever: neither globals, nor builtins, attributes, closures, or defaults. It
    is asked about functions so short that counting their results would be felt; whatever looks
    something up takes longer by itself.

    Example:
        >>> seen = []
        >>> is_self_contained(lambda data: data % 2 == 0)
        True
        >>> is_self_contained(lambda data: data not in seen)
        False
        >>> is_self_contained(lambda data, seen=seen: data not in seen)
        False
    """
    function = call.__func__ if isinstance(call, MethodType) else call
    if not isinstance(function, FunctionType):
        return False
    if function.__closure__ or function.__defaults__ or function.__kwdefaults__:
        return False
    code = function.__code__
    if isinstance(call, MethodType) and _mentions(code, code.co_varnames[:1]):
        return False
    return _names_nothing(code)


def _names_nothing(code: CodeType) -> bool:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return not code.co_names and all(map(_names_nothing, inner))


def _mentions(code: CodeType, names: tuple[str, ...]) -> bool:
    """Tell whether one of these variables occurs; a function inside of *code* may use it, too."""
    if set(names) & set(code.co_cellvars):
        return True
    for instruction in dis.get_instructions(code):
        # Whatever is done there: versions of Python differ in which instructions also read, and
        # some name two variables at once.
        if instruction.opcode in dis.haslocal:
            found = instruction.argval
            if set(names) & {*(found if isinstance(found, tuple) else (found,))}:
                return True
    return False
