"""The string that selects a kernel.

Layer: plugins. Pure: knows the syntax; not which kernels or options exist.

=================================== =======================================================
``NAME``                            a kernel with its default options
``NAME?key=value&key=value``        the same with options
``NAME://authority/path?key=value`` a kernel at an address
=================================== =======================================================

Keys, values, authority and path are percent-encoded (UTF-8); ``+`` stands for itself. Names
compare NFKC-casefolded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from sage_kernel_api.errors import KernelSpecError
from sage_kernel_api.plugins.names import fold_name, name_problem

__all__ = ["MAX_SPEC_LENGTH", "KernelSpec"]

MAX_SPEC_LENGTH: Final = 8192
"""Longest spec, in characters once percent-encoded."""

_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Lone surrogates stand for undecodable bytes in file names; they must survive the round trip.
_SURROGATES: Final = "surrogatepass"
_ADDRESS_SAFE: Final = ":@[]!$'()*,;=~"


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """A parsed spec. ``KernelSpec.parse(str(spec)) == spec`` holds for each one.

    Attributes:
        name: The kernel's name, folded.
        options: Keys and values in their order, decoded; no key twice.
        authority: What stands after ``://``; None without an address.
        path: The rest of the address: empty, or beginning with ``/``.
        positions: For messages: column (from 1) of each option in the parsed text.

    Raises:
        KernelSpecError: Something in it cannot be a spec; all problems are listed.

    Example:
        >>> spec = KernelSpec.parse("Default?lanes=4&state=%2Ftmp%2Fa%26b")
        >>> spec.name, spec.options
        ('default', (('lanes', '4'), ('state', '/tmp/a&b')))
        >>> str(KernelSpec("ray", authority="head:6379"))
        'ray://head:6379'
    """

    name: str
    options: tuple[tuple[str, str], ...] = ()
    authority: str | None = None
    path: str = ""
    positions: tuple[int, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        problems = list(_type_problems(self))
        if not problems:
            object.__setattr__(self, "name", fold_name(self.name))
            problems.extend(_value_problems(self))
        if problems:
            raise KernelSpecError.listing("This is not a kernel spec:", problems)

    @classmethod
    def parse(cls, text: str) -> KernelSpec:
        """Read a spec.

        Raises:
            KernelSpecError: *text* is no spec; the message lists every problem with its column.
        """
        # Callers pass what they found in files and variables, whatever they declare.
        if not isinstance(text, str):
            raise KernelSpecError(  # pyright: ignore[reportUnreachable]
                f"A kernel spec is text such as 'default' or 'default?key=value', "
                f"not {type(text).__name__}."
            )
        return _Parser(text).spec()

    def __str__(self) -> str:
        """Return the canonical text of the spec."""
        address = ""
        if self.authority is not None:
            path = quote(self.path, safe=_ADDRESS_SAFE + "/", errors=_SURROGATES)
            address = f"://{quote(self.authority, safe=_ADDRESS_SAFE, errors=_SURROGATES)}{path}"
        pairs = "&".join(f"{_encode(key)}={_encode(value)}" for key, value in self.options)
        return f"{self.name}{address}{'?' if pairs else ''}{pairs}"


class _Parser:
    """One text on its way to a spec; collects the problems of all its parts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._problems: list[tuple[int, str]] = []

    def spec(self) -> KernelSpec:
        text = self._text
        if len(text) > MAX_SPEC_LENGTH:
            # Looked at no further: the list of its problems could be as long.
            self._report(
                MAX_SPEC_LENGTH, f"the spec has {len(text)} characters; at most {MAX_SPEC_LENGTH}"
            )
            raise self._error()
        for found in _CONTROL.finditer(text):
            self._report(
                found.start(), f"control character {found[0]!r}; write {_encode(found[0])}"
            )
        head, mark, query = text.partition("?")
        name, colon, address = head.partition("://")
        self._check_name(name)
        authority, path = self._address(address, len(name) + 3) if colon else (None, "")
        options, positions = self._options(query, len(head) + 1) if mark else ([], [])
        if self._problems:
            raise self._error()
        return KernelSpec(name, tuple(options), authority, path, tuple(positions))

    def _check_name(self, name: str) -> None:
        problem = name_problem(fold_name(name))
        # A control character has been reported already, at its own column.
        if problem and not _CONTROL.search(name):
            self._report(0, problem)

    def _address(self, address: str, start: int) -> tuple[str, str]:
        authority, slash, path = address.partition("/")
        return (
            self._decode(authority, start),
            self._decode(slash + path, start + len(authority)),
        )

    def _options(self, query: str, start: int) -> tuple[list[tuple[str, str]], list[int]]:
        found: dict[str, str] = {}
        columns: dict[str, int] = {}
        for part in query.split("&"):
            key_text, equals, value = part.partition("=")
            key = self._decode(key_text, start)
            if not part:
                self._report(start, "an option is missing; write key=value, parted by '&'")
            elif not key_text:
                self._report(start, "an option has no name before '='")
            elif not equals:
                self._report(start, f"option {_short(key)} has no value; write {key[:40]}=VALUE")
            elif key in found:
                self._report(start, f"option {_short(key)} stands at column {columns[key]} already")
            else:
                found[key] = self._decode(value, start + len(key_text) + 1)
                columns[key] = start + 1
            start += len(part) + 1
        return list(found.items()), list(columns.values())

    def _decode(self, text: str, start: int) -> str:
        for bad in _BAD_ESCAPE.finditer(text):
            self._report(
                start + bad.start(), "'%' is not followed by two hex digits; write %25 for '%'"
            )

        def decoded(run: re.Match[str]) -> str:
            try:
                return bytes.fromhex(run[0].replace("%", "")).decode("utf-8", _SURROGATES)
            except UnicodeDecodeError:
                self._report(start + run.start(), f"{run[0][:30]} is not UTF-8")
                return ""

        return _ESCAPES.sub(decoded, text)

    def _report(self, index: int, problem: str) -> None:
        self._problems.append((index + 1, problem))

    def _error(self) -> KernelSpecError:
        lines = [f"column {column}: {problem}" for column, problem in sorted(self._problems)]
        return KernelSpecError.listing(f"{_short(self._text)} is not a kernel spec:", lines)


def _type_problems(spec: KernelSpec) -> list[str]:
    """Look at types first: a spec may be built from what a file held."""
    # Of type object: what callers declare is no proof.
    name: object = spec.name
    path: object = spec.path
    authority: object = spec.authority
    problems = [
        f"{field} must be text, not {type(value).__name__}"
        for field, value in (("name", name), ("path", path))
        if not isinstance(value, str)
    ]
    if not (authority is None or isinstance(authority, str)):
        problems.append(f"authority must be text or None, not {type(authority).__name__}")
    if not _is_pairs(spec.options):
        problems.append("options must be a tuple of (key, value) pairs of text")
    return problems


def _is_pairs(options: object) -> bool:
    return isinstance(options, tuple) and all(
        isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
        for pair in options
    )


def _value_problems(spec: KernelSpec) -> list[str]:
    problems = []
    if problem := name_problem(spec.name):
        problems.append(problem)
    keys = [key for key, _ in spec.options]
    if "" in keys:
        problems.append("an option has no name")
    problems.extend(
        f"option {_short(key)} is given twice" for key in dict.fromkeys(keys) if keys.count(key) > 1
    )
    if spec.path and spec.authority is None:
        problems.append("there is a path but no authority")
    elif spec.path and not spec.path.startswith("/"):
        problems.append(f"the path {_short(spec.path)} does not begin with '/'")
    if len(str(spec)) > MAX_SPEC_LENGTH:
        problems.append(f"encoded it has over {MAX_SPEC_LENGTH} characters")
    return problems


def _encode(text: str) -> str:
    return quote(text, safe="", errors=_SURROGATES)


def _short(text: str) -> str:
    shown = repr(text[:60])
    return shown if len(text) <= 60 else f"{shown[:-1]}...{shown[-1]}"
