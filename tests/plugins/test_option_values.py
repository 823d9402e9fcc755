"""Each type of option: the texts that it takes, those that it refuses, and what people are told."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Optional

import msgspec
import pytest

from sage_kernel_api.errors import KernelContractError, KernelSpecError
from sage_kernel_api.plugins import (
    Address,
    ByteSize,
    KernelSpec,
    Seconds,
    describe_options,
    read_options,
)


class Level(enum.Enum):
    LOW = 1
    HIGH = "high"


def options_of(hint: Any) -> type[Any]:
    return dataclasses.make_dataclass("Options", [("x", hint)], frozen=True)


def read(hint: Any, text: str) -> Any:
    return read_options(KernelSpec("k", (("x", text),)), options_of(hint)).x


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        *((bool, text, True) for text in ("true", "True", "YES", "on", "1")),
        *((bool, text, False) for text in ("false", "False", "no", "OFF", "0")),
        (int, "0", 0),
        (int, "-12", -12),
        (int, "+7", 7),
        (int, "1_000_000", 1_000_000),
        (int, "9" * 40, int("9" * 40)),
        (float, "1e-3", 0.001),
        (float, "-2", -2.0),
        (float, "0" * 399 + "1", 1.0),
        (str, "", ""),
        (str, "none", "none"),
        (Path, "/a/b", Path("/a/b")),
        (Path, "none", Path("none")),
        (Path | None, "none", None),
        (Path | None, "a", Path("a")),
        (int | None, "none", None),
        (int | str, "4", 4),
        (int | str, "four", "four"),
        (str | None, "none", None),
        (str | None, "", ""),
        (Literal["thread", 2], "2", 2),
        (Literal["thread", 2], "thread", "thread"),
        (Level, "1", Level.LOW),
        (Level, "high", Level.HIGH),
        (Seconds, "0", 0.0),
        (Seconds, "0s", 0.0),
        (Seconds, "250us", 0.00025),
        (Seconds, "500ms", 0.5),
        (Seconds, "2s", 2.0),
        (Seconds, "1.5m", 90.0),
        (Seconds, "2h", 7200.0),
        (Seconds, "2d", 172_800.0),
        (Seconds | None, "none", None),
        (Seconds | None, "2s", 2.0),
        (ByteSize, "0", 0),
        (ByteSize, "4096", 4096),
        (ByteSize, "7b", 7),
        (ByteSize, "7B", 7),
        (ByteSize, "3kb", 3_000),
        (ByteSize, "3MB", 3_000_000),
        (ByteSize, "3GB", 3_000_000_000),
        (ByteSize, "3tb", 3_000_000_000_000),
        (ByteSize, "3KiB", 3 * 2**10),
        (ByteSize, "3MiB", 3 * 2**20),
        (ByteSize, "3GiB", 3 * 2**30),
        (ByteSize, "3TiB", 3 * 2**40),
        (ByteSize, "1.5kib", 1536),
        (ByteSize, "2.0", 2),
        # As a float this would lose its last digits.
        (ByteSize, "9007199254740993", 9007199254740993),
        (Annotated[int, msgspec.Meta(ge=1, le=3)], "1", 1),
        (Annotated[int, msgspec.Meta(ge=1, le=3)], "3", 3),
        (Annotated[float, msgspec.Meta(gt=1, lt=3)], "1.01", 1.01),
        (Annotated[float, msgspec.Meta(gt=1, lt=3)], "2.99", 2.99),
        (Annotated[str, msgspec.Meta(min_length=2, max_length=3)], "ab", "ab"),
        (Annotated[str, msgspec.Meta(min_length=2, max_length=3)], "abc", "abc"),
        (Annotated[str, msgspec.Meta(pattern="b+")], "abc", "abc"),
        (Annotated[int, msgspec.Meta(ge=1), msgspec.Meta(le=3)], "2", 2),
        (Annotated[int, "how many"], "2", 2),
        (Annotated[int | None, msgspec.Meta(ge=1)], "none", None),
        (Optional[Annotated[int, msgspec.Meta(ge=0)]], "0", 0),  # noqa: UP045 - pyright has no | here
    ],
)
def test_a_text_becomes_the_value_that_it_says(hint: Any, text: str, value: object) -> None:
    """A factor of 1024, or a level of another name, would only show in production."""
    found = read(hint, text)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("hint", "texts", "wanted"),
    [
        (bool, ["", "maybe", "2", "tru", " true"], "true | false"),
        (int, ["", "1.0", "1e3", "0x10", "_1", "1__0", "9" * 41, "\u0664", " 1"], "whole number"),
        (float, ["", "nan", "inf", "-inf", "1e999", "one", "0" * 400 + "1"], "number"),
        (Path, ["", "a\0b"], "path"),
        (int | None, ["None", "null", "", "x"], "whole number | none"),
        (None | Path, ["", "\0"], "path | none"),
        (int | bool, ["x"], "whole number | true | false"),
        (Literal["thread", 2], ["threads", "3", "Thread"], "thread | 2"),
        (Level, ["LOW", "low", "2"], "1 | high"),
        (
            Seconds,
            ["", "5", "1.5", "s", "5 s", "5S", "-1s", "1..5s", "5min", "5secs", "1e3s", "x5s"],
            "duration (500ms, 2s, 1m, 1h)",
        ),
        (
            ByteSize,
            ["", "-1", "1.5", "0.5b", "3XB", "3 MB", "MiB", "1.0001kb", "3mibs", "x3kb"],
            "size (4096, 64MiB, 1GB)",
        ),
        (Annotated[int, msgspec.Meta(ge=1, le=3)], ["0", "4"], "whole number >= 1 and <= 3"),
        (Annotated[int, msgspec.Meta(gt=1, lt=3)], ["1", "3"], "whole number > 1 and < 3"),
        (
            Annotated[str, msgspec.Meta(min_length=2, max_length=3)],
            ["a", "abcd"],
            "text of at least 2 characters and of at most 3 characters",
        ),
        (Annotated[str, msgspec.Meta(pattern="^b+$")], ["abc", ""], "text matching ^b+$"),
        (
            Annotated[int, msgspec.Meta(ge=1), msgspec.Meta(le=3)],
            ["0", "4"],
            "whole number >= 1 <= 3",
        ),
        (Annotated[Seconds, msgspec.Meta(gt=0)], ["0", "0ms"], "duration (500ms, 2s, 1m, 1h) > 0"),
        (
            Optional[Annotated[int, msgspec.Meta(ge=1)]],  # noqa: UP045 - pyright has no | here
            ["0", "x"],
            "whole number >= 1 | none",
        ),
    ],
)
def test_any_other_text_is_refused_with_what_to_write(
    hint: Any, texts: list[str], wanted: str
) -> None:
    """A guess at what was meant would run a job with settings that nobody chose."""
    for text in texts:
        with pytest.raises(KernelSpecError) as caught:
            read(hint, text)

        assert caught.value.problems == (f"x={text[:60]!r} is not accepted; write {wanted}",)


@pytest.mark.parametrize("length", [60, 61])
def test_a_long_value_is_cut_in_the_message(length: int) -> None:
    """A pasted file must not fill the terminal."""
    with pytest.raises(KernelSpecError) as caught:
        read(int, "y" * length)

    assert caught.value.problems == (f"x={'y' * 60!r} is not accepted; write whole number",)


@dataclass(frozen=True)
class Many:
    lanes: int
    address: Address
    shade: str = "red"
    names: str = dataclasses.field(default_factory=lambda: "made")
    hidden: int = dataclasses.field(default=0, init=False)
    level: Level = Level.HIGH
    is_fast: bool = True
    poll: Seconds | None = None
    kind: ClassVar[str] = "no option"


class Struct(msgspec.Struct, frozen=True):
    lanes: int
    where: Address | None = None
    tags: str = msgspec.field(default_factory=lambda: "made")
    shade: Annotated[str, msgspec.Meta(description="Of the lane")] = "red"
    note: Annotated[str, "In words"] = ""
    both: Annotated[str, "In words", msgspec.Meta(min_length=1)] = "x"


def test_options_are_described_with_types_and_defaults() -> None:
    """`sage-kernel info` is all the documentation that many kernels have."""
    shown = [
        (one.name, one.type_text, one.default_text, one.is_required, one.is_address)
        for one in describe_options(Many)
    ]

    assert shown == [
        ("lanes", "whole number", "", True, False),
        ("address", "address (NAME://authority/path)", "", True, True),
        ("shade", "text", "red", False, False),
        ("names", "text", "made", False, False),
        ("level", "1 | high", "high", False, False),
        ("is_fast", "true | false", "true", False, False),
        ("poll", "duration (500ms, 2s, 1m, 1h) | none", "none", False, False),
    ]


def test_a_struct_is_described_like_a_dataclass() -> None:
    """Kernel authors choose either; users must see no difference."""
    shown = [
        (one.name, one.type_text, one.default_text, one.doc, one.is_required, one.is_address)
        for one in describe_options(Struct)
    ]

    assert shown == [
        ("lanes", "whole number", "", "", True, False),
        ("where", "address (NAME://authority/path) | none", "none", "", False, True),
        ("tags", "text", "made", "", False, False),
        ("shade", "text", "red", "Of the lane", False, False),
        ("note", "text", "", "In words", False, False),
        ("both", "text of at least 1 characters", "x", "In words", False, False),
    ]


def test_defaults_are_left_to_the_class() -> None:
    """Two places that know a default will differ one day."""
    spec = KernelSpec.parse("k://h/p?lanes=2")

    assert read_options(spec, Many) == Many(2, Address("h", "/p"))
    assert read_options(spec, Struct) == Struct(2, Address("h", "/p"))
    assert read_options(KernelSpec.parse("k?lanes=2"), Struct) == Struct(2)


def refusal(text: str, options_class: type[Any], origin: str = "") -> str:
    with pytest.raises(KernelSpecError) as caught:
        read_options(KernelSpec.parse(text), options_class, origin=origin)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("k", ["option 'lanes' is required: whole number"]),
        # Given, though wrongly: "required" beside it would confuse.
        ("k?lanes=x", ["column 3: lanes='x' is not accepted; write whole number"]),
        (
            "k?lanes=1&shad=x",
            [
                (
                    "column 11: unknown option 'shad'; Did you mean 'shade'? "
                    "accepted are lanes, tags, shade, note, both"
                )
            ],
        ),
        (
            "k?qqq=1&lanes=1",
            ["column 3: unknown option 'qqq'; accepted are lanes, tags, shade, note, both"],
        ),
        # The address has its own place in a spec.
        (
            "k?lanes=1&where=h",
            ["column 11: unknown option 'where'; accepted are lanes, tags, shade, note, both"],
        ),
        (
            "k?q=1&tags=2&both=",
            [
                "column 3: unknown option 'q'; accepted are lanes, tags, shade, note, both",
                "column 14: both='' is not accepted; write text of at least 1 characters",
                "option 'lanes' is required: whole number",
            ],
        ),
    ],
)
def test_problems_of_options_are_listed_in_their_order(text: str, problems: list[str]) -> None:
    """The message is read from left to right, beside the spec."""
    lines = [f"  - {problem}" for problem in problems]

    assert refusal(text, Struct).splitlines() == [f"Kernel spec '{text}' cannot be used:", *lines]
    assert refusal(text, Struct, "from SAGE_KERNEL").splitlines() == [
        f"Kernel spec '{text}' (from SAGE_KERNEL) cannot be used:",
        *lines,
    ]


@pytest.mark.parametrize("length", [100, 101])
def test_a_long_spec_is_cut_in_the_heading(length: int) -> None:
    """The heading tells which spec it was; it need not repeat all of it."""
    text = "k?lanes=" + "y" * (length - 8)

    heading = refusal(text, Struct).splitlines()[0]

    shown = text if length == 100 else f"{text[:97]}..."
    assert heading == f"Kernel spec '{shown}' cannot be used:"


def test_an_address_that_a_kernel_does_not_take_is_told_what_to_leave_out() -> None:
    """Pasting `ray://head` for a local kernel is an easy mistake."""
    assert refusal("k://h?x=1", options_of(int)).splitlines()[1:] == [
        "  - kernel 'k' takes no address; leave out '://' and what follows it"
    ]


def test_what_the_class_refuses_is_told_in_its_own_words() -> None:
    """Rules between options are the kernel's; so is the explanation."""

    @dataclass(frozen=True)
    class Picky:
        x: int = 1

        def __post_init__(self) -> None:
            if self.x > 9:
                raise TypeError("more than 9 never helped")

    assert refusal("k?x=10", Picky).splitlines() == [
        "Kernel spec 'k?x=10' cannot be used:",
        "  - the options were refused: more than 9 never helped",
    ]


@pytest.mark.parametrize(
    ("hint", "shown"), [(dict[str, int], "dict[str, int]"), (list, "<class 'list'>"), (4, "4")]
)
def test_a_field_that_no_text_can_fill_is_named(hint: Any, shown: str) -> None:
    """The author of the kernel must learn which types there are."""
    with pytest.raises(KernelContractError) as caught:
        describe_options(options_of(hint))

    assert shown in str(caught.value)
    assert str(caught.value).startswith("Options class 'Options' cannot be read from a spec: ")
    assert str(caught.value).endswith(
        ". Use bool, int, float, str, Path, Enum, Literal, Seconds, ByteSize, Address, or one of "
        "these or None."
    )


def test_what_is_no_options_class_is_told_what_one_is() -> None:
    """Authors who pass an instance, or a plain class, must see the line to write."""
    with pytest.raises(KernelContractError) as plain:
        describe_options(int)
    with pytest.raises(KernelContractError, match=r"^\[\] is not an options class$"):
        describe_options([])  # type: ignore[arg-type]  # the mistake that is tested

    assert str(plain.value) == (
        "Options class 'int' is neither a msgspec Struct nor a dataclass. Write: class "
        "MyOptions(msgspec.Struct, frozen=True): ..."
    )
