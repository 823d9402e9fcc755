"""Spec strings: what is written is what is read, and nonsense is told apart."""

from __future__ import annotations

import pickle
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sage_kernel_api.errors import KernelError, KernelSpecError
from sage_kernel_api.plugins import KernelSpec, resolve_kernel

ANY_TEXT = st.text(st.characters(), max_size=30)
NAMES = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,30}", fullmatch=True)
PATHS = st.one_of(st.just(""), ANY_TEXT.map(lambda text: "/" + text))
OPTIONS = st.dictionaries(st.text(st.characters(), min_size=1, max_size=20), ANY_TEXT, max_size=5)


@st.composite
def specs(draw: st.DrawFn) -> KernelSpec:
    authority = draw(st.none() | ANY_TEXT)
    path = "" if authority is None else draw(PATHS)
    return KernelSpec(draw(NAMES), tuple(draw(OPTIONS).items()), authority, path)


@given(specs())
def test_a_spec_survives_being_written_and_read(spec: KernelSpec) -> None:
    """Whoever logs a spec and starts again from the log must get the same kernel."""
    assert KernelSpec.parse(str(spec)) == spec
    assert hash(KernelSpec.parse(str(spec))) == hash(spec)


BAD = st.one_of(
    st.text(st.characters(), max_size=60),
    st.builds(lambda a, b, c: f"{a}?{b}&{c}", ANY_TEXT, ANY_TEXT, ANY_TEXT),
    st.builds(lambda a, b: f"{a}://{b}?%", ANY_TEXT, ANY_TEXT),
    st.text("ab%=&?:/ \0\n+", max_size=40),
    st.text(min_size=120, max_size=200),
    st.binary(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.lists(st.text(max_size=3), max_size=3),
    st.just(...),
    st.just(NotImplemented),
)


@settings(max_examples=2000, deadline=None)
@given(BAD)
@example("%").via("a lone escape")
@example("x" * 100_000).via("very long")
@example("default?lanes").via("no value")
def test_a_generated_bad_spec_gives_our_error_only(value: object) -> None:
    """A line of nonsense in a configuration file must not end in a foreign traceback."""
    for attempt in (KernelSpec.parse, _resolve_unless_known):
        with suppress(KernelError):
            attempt(cast(Any, value))


def _resolve_unless_known(value: Any) -> None:
    # What happens to parse is looked up; the names that exist are none of this test.
    if value == "" or (isinstance(value, str) and value.strip().lower()[:4] in {"defa", "mock"}):
        return
    resolve_kernel(value)


def test_all_problems_are_reported_with_their_columns() -> None:
    """Three mistakes must not take three attempts."""
    with pytest.raises(KernelSpecError) as caught:
        KernelSpec.parse("my kernel?lanes&a=%zz&a=1&=2&x=%FF")

    problems = "\n".join(caught.value.problems)
    assert "column 1: the kernel name contains ' '" in problems
    assert "column 11: option 'lanes' has no value; write lanes=VALUE" in problems
    assert "column 19: '%' is not followed by two hex digits" in problems
    assert "column 23: option 'a' stands at column 17 already" in problems
    assert "column 27: an option has no name" in problems
    assert "column 32: %FF is not UTF-8" in problems


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Default", "default"),
        ("\uff24efault", "default"),
        ("ray://head:6379/ns?a=b+c", "ray://head:6379/ns?a=b%2Bc"),
        ("ray://", "ray://"),
        ("k?a=", "k?a="),
        ("k?a=b=c", "k?a=b%3Dc"),
    ],
)
def test_the_canonical_text_is_as_documented(text: str, canonical: str) -> None:
    """Equal specs must look equal in logs."""
    assert str(KernelSpec.parse(text)) == canonical


def test_a_spec_built_by_hand_is_checked_as_well() -> None:
    """A wrong spec must fail where it is made, not where it is read again."""
    with pytest.raises(KernelSpecError) as caught:
        KernelSpec("x\0", (("a", "1"), ("a", "2")), None, "path")

    assert len(caught.value.problems) == 3


def test_specs_and_their_errors_travel_between_processes() -> None:
    """A lane must be able to tell its parent what was wrong."""
    spec = KernelSpec.parse("default?a=1")

    assert pickle.loads(pickle.dumps(spec)) == spec
    with pytest.raises(KernelSpecError) as caught:
        KernelSpec.parse("")
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
