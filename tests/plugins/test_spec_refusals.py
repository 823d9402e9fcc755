"""What a wrong spec is told: every word of it, since people mend their specs from the message."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api.errors import KernelSpecError
from sage_kernel_api.plugins import KernelSpec
from sage_kernel_api.plugins.spec import MAX_SPEC_LENGTH

_MISSING = "an option is missing; write key=value, parted by '&'"
_ESCAPE = "'%' is not followed by two hex digits; write %25 for '%'"
_ALLOWED = "letters, digits, '.', '_' and '-' are allowed"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["column 1: the kernel name is empty"]),
        ("?", ["column 1: the kernel name is empty", f"column 2: {_MISSING}"]),
        ("a?", [f"column 3: {_MISSING}"]),
        ("a?&", [f"column 3: {_MISSING}", f"column 4: {_MISSING}"]),
        ("a?x=1&", [f"column 7: {_MISSING}"]),
        ("a?=1", ["column 3: an option has no name before '='"]),
        ("a?x", ["column 3: option 'x' has no value; write x=VALUE"]),
        ("k://h/p?x", ["column 9: option 'x' has no value; write x=VALUE"]),
        ("a?x=%2", [f"column 5: {_ESCAPE}"]),
        ("a?%=2&y=1%", [f"column 3: {_ESCAPE}", f"column 10: {_ESCAPE}"]),
        ("a://%ZZ/p%", [f"column 5: {_ESCAPE}", f"column 10: {_ESCAPE}"]),
        ("a?x=1&x=2", ["column 7: option 'x' stands at column 3 already"]),
        (
            "a?x=1&%78=2&x=3",
            [f"column {n}: option 'x' stands at column 3 already" for n in (7, 13)],
        ),
        ("a://h/%FF?x=%C3", ["column 7: %FF is not UTF-8", "column 13: %C3 is not UTF-8"]),
        ("k?ab%C3%28=1", ["column 5: %C3%28 is not UTF-8"]),
        ("k?" + "%ff" * 11 + "=1", ["column 3: " + "%ff" * 10 + " is not UTF-8"]),
        (
            "-a",
            [
                "column 1: the kernel name starts with '-'; it must start with a letter or digit",
            ],
        ),
        ("a/b*c d", [f"column 1: the kernel name contains ' ', '*', '/'; {_ALLOWED}"]),
        ("a~!@#$%^", [f"column 1: the kernel name contains '!', '#', '$', '%', '@'; {_ALLOWED}"]),
        ("x" * 101, ["column 1: the kernel name has 101 characters; at most 100 are allowed"]),
        (
            "a\nb?x=\x00",
            [
                "column 2: control character '\\n'; write %0A",
                "column 7: control character '\\x00'; write %00",
            ],
        ),
        ("k?x=\u2028", ["column 5: control character '\\u2028'; write %E2%80%A8"]),
    ],
)
def test_each_problem_is_told_with_its_column(text: str, problems: list[str]) -> None:
    """A wrong column sends people to the wrong place of a long line."""
    with pytest.raises(KernelSpecError) as caught:
        KernelSpec.parse(text)

    assert list(caught.value.problems) == problems
    shown = repr(text) if len(text) <= 60 else f"{text[:60]!r:.61}...'"
    head, *lines = str(caught.value).splitlines()
    assert head == f"{shown} is not a kernel spec:"
    assert lines == [f"  - {problem}" for problem in problems]


@pytest.mark.parametrize("length", [60, 61])
def test_long_keys_are_cut_in_messages_and_short_ones_are_not(length: int) -> None:
    """A message must stay readable, and must not hide what would have fitted."""
    key = "y" * length
    shown = f"'{key}'" if length == 60 else f"'{key[:60]}...'"

    with pytest.raises(KernelSpecError) as caught:
        KernelSpec.parse(f"k?{key}")

    assert caught.value.problems == (
        f"column 3: option {shown} has no value; write {key[:40]}=VALUE",
    )


def test_the_longest_spec_is_read_and_a_longer_one_is_not_looked_at() -> None:
    """The list of a huge text's problems would be as huge."""
    longest = "k?x=" + "y" * (MAX_SPEC_LENGTH - 4)
    assert KernelSpec.parse(longest).options == (("x", longest[4:]),)
    assert len(str(KernelSpec("k", (("x", longest[4:]),)))) == MAX_SPEC_LENGTH

    with pytest.raises(KernelSpecError) as parsed:
        KernelSpec.parse(longest + "%")
    with pytest.raises(KernelSpecError) as built:
        KernelSpec("k", (("x", longest[3:]),))

    assert parsed.value.problems == ("column 8193: the spec has 8193 characters; at most 8192",)
    assert built.value.problems == ("encoded it has over 8192 characters",)


def test_the_longest_name_is_a_name() -> None:
    """The limit that is documented must be usable."""
    assert KernelSpec.parse("x" * 100).name == "x" * 100


_PAIRS = "options must be a tuple of (key, value) pairs of text"


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        ((4,), ["name must be text, not int"]),
        (("a", [("x", "1")]), [_PAIRS]),
        (("a", (["x", "1"],)), [_PAIRS]),
        (("a", (("x",),)), [_PAIRS]),
        (("a", (("x", "1", "2"),)), [_PAIRS]),
        (("a", (("x", 1),)), [_PAIRS]),
        (("a", ((1, "x"),)), [_PAIRS]),
        (("a", (("x", "1"), "y")), [_PAIRS]),
        (("a", (), 4), ["authority must be text or None, not int"]),
        (("a", (), None, b"/"), ["path must be text, not bytes"]),
        (
            (4, 4, 4, 4),
            [
                "name must be text, not int",
                "path must be text, not int",
                "authority must be text or None, not int",
                _PAIRS,
            ],
        ),
        (("a", (("", "1"),)), ["an option has no name"]),
        (("a", (("x", "1"), ("y", "1"), ("x", "2"))), ["option 'x' is given twice"]),
        (("a", (), None, "/p"), ["there is a path but no authority"]),
        (("a", (), "h", "p"), ["the path 'p' does not begin with '/'"]),
        (("a", (), "", "p"), ["the path 'p' does not begin with '/'"]),
        (
            ("-", (("", ""),), None, "p"),
            [
                "the kernel name starts with '-'; it must start with a letter or digit",
                "an option has no name",
                "there is a path but no authority",
            ],
        ),
    ],
)
def test_a_spec_built_from_wrong_parts_says_which(
    arguments: tuple[Any, ...], problems: list[str]
) -> None:
    """Programs build specs from configuration files; the trouble must show here, not later."""
    with pytest.raises(KernelSpecError) as caught:
        KernelSpec(*arguments)

    assert list(caught.value.problems) == problems
    assert str(caught.value).startswith("This is not a kernel spec:\n")


def test_what_is_not_text_is_refused_with_an_example() -> None:
    """A number from a YAML file is a common mistake."""
    with pytest.raises(KernelSpecError) as caught:
        KernelSpec.parse(4)  # type: ignore[arg-type]  # the mistake that is tested

    assert str(caught.value) == (
        "A kernel spec is text such as 'default' or 'default?key=value', not int."
    )


@pytest.mark.parametrize(
    ("text", "name", "options", "authority", "path", "positions"),
    [
        ("k", "k", (), None, "", ()),
        ("k://", "k", (), "", "", ()),
        ("k:///p", "k", (), "", "/p", ()),
        ("k://h", "k", (), "h", "", ()),
        ("k://u:p@h:1/a/b", "k", (), "u:p@h:1", "/a/b", ()),
        ("k://a%2Fb/c%3Fd", "k", (), "a/b", "/c?d", ()),
        ("k://h?a=1&bc=2", "k", (("a", "1"), ("bc", "2")), "h", "", (7, 11)),
        ("k?a=://x", "k", (("a", "://x"),), None, "", (3,)),
        ("k?a=1?b=2", "k", (("a", "1?b=2"),), None, "", (3,)),
        ("k?a=%3D%26+%20x", "k", (("a", "=&+ x"),), None, "", (3,)),
        ("k?%61b=%e2%82%ac", "k", (("ab", "\u20ac"),), None, "", (3,)),
        ("k?a=%ED%A0%80", "k", (("a", "\ud800"),), None, "", (3,)),
        ("k?a==", "k", (("a", "="),), None, "", (3,)),
        ("\u01c5", "d\u017e", (), None, "", ()),
        # Marks that belong to a letter, of both kinds.
        ("q\u0323", "q\u0323", (), None, "", ()),
        ("\u0915\u093f.a_b-1", "\u0915\u093f.a_b-1", (), None, "", ()),
    ],
)
def test_each_part_of_a_spec_is_found(
    text: str,
    name: str,
    options: tuple[tuple[str, str], ...],
    authority: str | None,
    path: str,
    positions: tuple[int, ...],
) -> None:
    """A part that slips into its neighbour would connect to another machine."""
    spec = KernelSpec.parse(text)

    assert (spec.name, spec.options, spec.authority, spec.path) == (name, options, authority, path)
    assert spec.positions == positions


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (KernelSpec("k", (("a b", "/&=?%"),)), "k?a%20b=%2F%26%3D%3F%25"),
        (KernelSpec("k", (), "[::1]:80", "/a b/?#"), "k://[::1]:80/a%20b/%3F%23"),
        (KernelSpec("k", (), "a/b", ""), "k://a%2Fb"),
        (
            KernelSpec("k", (("a", "\udcff"),), "\udcff", "/\udcff"),
            "k://%ED%B3%BF/%ED%B3%BF?a=%ED%B3%BF",
        ),
        (KernelSpec("k", (), "!$'()*,;=~@:", "/!$'()*,;=~@:"), "k://!$'()*,;=~@:/!$'()*,;=~@:"),
    ],
)
def test_what_needs_an_escape_gets_one_and_nothing_else_does(spec: KernelSpec, text: str) -> None:
    """A spec is read by people in logs, and by shells in commands."""
    assert str(spec) == text
    assert KernelSpec.parse(text) == spec
