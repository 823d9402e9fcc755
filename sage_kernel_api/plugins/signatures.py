"""Compare an object's members and signatures with a Protocol, without running its code.

Layer: plugins. Pure reflection: knows no kernel. `isinstance` on a Protocol is not used: it
looks at names alone, and on Python 3.11 runs property getters.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from inspect import Parameter, Signature
from types import FunctionType, MappingProxyType
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

__all__ = ["compare_members", "member_template", "protocol_members"]

_Found: TypeAlias = tuple[type, frozenset[str]]
_MISSING: Final = object()
_RIGHT: Final[WeakKeyDictionary[type, set[_Found]]] = WeakKeyDictionary()
"""Classes, with the Protocols that their instances were found to implement, and by which of the
attributes that not all instances may have."""
_POSITIONAL: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class _Bare(str):
    """An annotation shown as it was written, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@lru_cache(maxsize=256)
def protocol_members(protocol: type) -> Mapping[str, object]:
    """Return the abstract members of a Protocol and of those it extends, by name."""
    found: dict[str, object] = {}
    for base in reversed(protocol.__mro__):
        members = vars(base).items()
        found |= {name: one for name, one in members if getattr(one, "__isabstractmethod__", False)}
    return MappingProxyType(found)


def compare_members(target: object, protocol: type) -> Iterator[str]:
    """Yield one problem for each member that *target* lacks or has with another signature.

    *target* is an object, or a class whose instances will be used. Additional members and
    additional parameters with a default are welcome.

    What is right by its class alone is looked at once: kernels are made far more often than
    classes of kernels are changed.
    """
    judged_by = _judged_by(target, protocol)
    right = _RIGHT.setdefault(type(target), set()) if judged_by else set()
    if judged_by in right:
        return
    problems = list(_member_problems(target, protocol))
    yield from problems
    if judged_by and not problems:
        right.add(judged_by)


def _judged_by(target: object, protocol: type) -> _Found | None:
    """Return what decides, with the class, whether *target* is right; None if more does."""
    if isinstance(target, type):
        return None
    try:
        own: object = object.__getattribute__(target, "__dict__")
    except AttributeError:
        own = {}
    if not isinstance(own, dict):
        return None
    members = protocol_members(protocol)
    names = own.keys() & members.keys()
    for name in names:
        # An attribute is as good as a property, and nothing else is as good as a method.
        if not isinstance(members[name], property) or inspect.isfunction(own[name]):
            return None
    return protocol, frozenset(names)


def _member_problems(target: object, protocol: type) -> Iterator[str]:
    owner = target.__name__ if isinstance(target, type) else type(target).__name__
    for name, wanted in protocol_members(protocol).items():
        found = inspect.getattr_static(target, name, _MISSING)
        if found is _MISSING or getattr(found, "__isabstractmethod__", False):
            yield f"{owner} lacks `{name}`; write: {_template(name, wanted)}"
        elif isinstance(wanted, property):
            if inspect.isfunction(found):
                yield f"{owner}.{name} is a method and must be a property; put @property above it"
        else:
            yield from _compare_method(target, owner, name, wanted, found)


def _compare_method(
    target: object, owner: str, name: str, wanted: object, found: object
) -> Iterator[str]:
    assert callable(wanted)
    method = _underlying(found)
    if not callable(method):
        kind = type(found).__name__
        yield f"{owner}.{name} is a {kind} and must be a method; write: {_template(name, wanted)}"
        return
    if inspect.iscoroutinefunction(method):
        yield f"{owner}.{name} is `async def` and must be a plain `def`"
    drops_self = _drops_self(target, name, found)
    # Plain functions never change their signature, and are asked again for each kernel made.
    is_lasting = _is_plain_function(method) and _is_plain_function(wanted)
    differences = _remembered_differences if is_lasting else _differences
    problems = differences(wanted, method, drops_self)
    if problems:
        yield f"{owner}.{name}: {'; '.join(problems)}; write: {_template(name, wanted)}"


def _is_plain_function(found: object) -> bool:
    return isinstance(found, FunctionType)


def _underlying(found: object) -> object:
    if isinstance(found, (staticmethod, classmethod)):
        return found.__func__
    return found


def _drops_self(target: object, name: str, found: object) -> bool:
    in_class = inspect.getattr_static(_class_of(target), name, _MISSING) is found
    return in_class and not isinstance(found, staticmethod) and _takes_self(found)


def _differences(
    wanted: Callable[..., Any], method: Callable[..., Any], drops_self: bool
) -> tuple[str, ...]:
    try:
        actual = inspect.signature(method)
    except (ValueError, TypeError):
        # Compiled code without a signature: nothing to compare, and no proof against it.
        return ()
    expected = _without_self(inspect.signature(wanted))
    return tuple(_compare(expected, _without_self(actual) if drops_self else actual))


_remembered_differences = lru_cache(maxsize=1024)(_differences)


def _class_of(target: object) -> type:
    return target if isinstance(target, type) else type(target)


def _takes_self(found: object) -> bool:
    return inspect.isroutine(found) or isinstance(found, classmethod)


def _without_self(signature: Signature) -> Signature:
    parameters = list(signature.parameters.values())
    if parameters and parameters[0].kind in _POSITIONAL:
        parameters = parameters[1:]
    return signature.replace(parameters=parameters)


def _compare(expected: Signature, actual: Signature) -> Iterator[str]:
    """Yield what in *actual* would make a call fail that *expected* allows."""
    theirs = list(actual.parameters.values())
    positional = [parameter for parameter in theirs if parameter.kind in _POSITIONAL]
    by_name = {parameter.name: parameter for parameter in theirs}
    takes_rest = any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in theirs)
    takes_names = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in theirs)
    used: set[str] = set()
    for index, wanted in enumerate(expected.parameters.values()):
        if wanted.kind is Parameter.VAR_POSITIONAL:
            if not takes_rest:
                yield f"`*{wanted.name}` is missing"
        elif wanted.kind is Parameter.VAR_KEYWORD:
            if not takes_names:
                yield f"`**{wanted.name}` is missing"
        elif wanted.kind is Parameter.KEYWORD_ONLY:
            found = by_name.get(wanted.name)
            if found is None or found.kind is Parameter.POSITIONAL_ONLY:
                found = None
                if not takes_names:
                    yield f"keyword parameter `{wanted.name}` is missing"
            yield from _compare_default(wanted, found, used)
        else:
            found = positional[index] if index < len(positional) else None
            yield from _compare_positional(
                wanted, found, by_name, used, takes_all=takes_rest and takes_names
            )
    for extra in theirs:
        is_named = extra.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        if is_named and extra.name not in used and extra.default is Parameter.empty:
            yield f"additional parameter `{extra.name}` has no default"


def _compare_positional(
    wanted: Parameter,
    found: Parameter | None,
    by_name: dict[str, Parameter],
    used: set[str],
    *,
    takes_all: bool,
) -> Iterator[str]:
    if found is None:
        other = by_name.get(wanted.name)
        if other is not None and other.kind is Parameter.KEYWORD_ONLY:
            used.add(other.name)
            yield f"parameter `{wanted.name}` must be accepted by position, too"
        elif not takes_all:
            yield f"parameter `{wanted.name}` is missing"
        return
    is_named = wanted.kind is Parameter.POSITIONAL_OR_KEYWORD
    if is_named and found.name != wanted.name:
        used.add(found.name)
        yield f"parameter `{found.name}` must be called `{wanted.name}`"
    elif is_named and found.kind is Parameter.POSITIONAL_ONLY:
        used.add(found.name)
        yield f"parameter `{wanted.name}` must be accepted by name, too"
    else:
        yield from _compare_default(wanted, found, used)


def _compare_default(wanted: Parameter, found: Parameter | None, used: set[str]) -> Iterator[str]:
    if found is None:
        return
    used.add(found.name)
    if wanted.default is not Parameter.empty and found.default is Parameter.empty:
        yield f"parameter `{found.name}` needs a default ({wanted.default!r})"


def member_template(protocol: type, name: str) -> str:
    """Return what an implementer has to write for one member; empty if there is none.

    Example:
        >>> from sage_kernel_api.storage import StateManager
        >>> member_template(StateManager, "clear_state")
        'def clear_state(self, key: str) -> bool'
    """
    wanted = protocol_members(protocol).get(name)
    return "" if wanted is None else _template(name, wanted)


def _template(name: str, wanted: object) -> str:
    """Return the line that an implementer has to write."""
    if isinstance(wanted, property) and wanted.fget is not None:
        return f"@property def {name}{_plain(inspect.signature(wanted.fget))}"
    assert callable(wanted)
    return f"def {name}{_plain(inspect.signature(wanted))}"


def _plain(signature: Signature) -> str:
    parameters = [
        parameter.replace(annotation=_bare(parameter.annotation))
        for parameter in signature.parameters.values()
    ]
    shown = signature.replace(
        parameters=parameters, return_annotation=_bare(signature.return_annotation)
    )
    return str(shown)


def _bare(annotation: object) -> object:
    return _Bare(annotation) if isinstance(annotation, str) else annotation
