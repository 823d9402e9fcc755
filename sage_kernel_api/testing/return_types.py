"""What members of a kernel say that they return, compared with the contract.

Layer: testing. Looks at annotations, as far as they can be resolved while a program runs;
`typecheck` proves the rest. What members do return is for the other tests.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_protocol

from sage_kernel_api.plugins.signatures import member_template, protocol_members

__all__ = ["return_type_problems"]

_UNKNOWN: Final = object()


def return_type_problems(part: object, protocol: type) -> Iterator[str]:
    """Yield a problem for each member of *part* whose annotated result the Protocol excludes."""
    for name, wanted in protocol_members(protocol).items():
        found = getattr(type(part), name, None)
        promised, given = _returned(wanted), _returned(found)
        if _UNKNOWN not in (promised, given) and not _fits(given, promised):
            yield (
                f"{type(part).__name__}.{name} says that it returns {_shown(given)}; "
                f"write: {member_template(protocol, name)}"
            )


def _returned(member: object) -> Any:
    function = member.fget if isinstance(member, property) else member
    try:
        return get_type_hints(function).get("return", _UNKNOWN)
    except Exception:  # noqa: BLE001 - names that exist for type checkers only
        return _UNKNOWN


def _fits(given: Any, promised: Any) -> bool:
    if Any in (given, promised):
        return True
    if _is_union(given):
        return all(_fits(one, promised) for one in get_args(given))
    if _is_union(promised):
        return any(_fits(given, one) for one in get_args(promised))
    ours, theirs = _plain(promised), _plain(given)
    if not isinstance(ours, type) or not isinstance(theirs, type) or is_protocol(ours):
        return True
    return issubclass(theirs, ours)


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _plain(hint: Any) -> Any:
    """Return the class that an object of that type has: list for list[int], str for an id."""
    while (underlying := getattr(hint, "__supertype__", None)) is not None:
        hint = underlying
    hint = get_origin(hint) or hint
    # A TypedDict is a dict, but nothing is an instance of it.
    return dict if hasattr(hint, "__total__") else hint


def _shown(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
