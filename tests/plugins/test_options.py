"""Typed options: from text to the kernel's own options class."""

from __future__ import annotations

import enum
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.errors import KernelContractError, KernelSpecError
from sage_kernel_api.plugins import (
    Address,
    ByteSize,
    KernelSpec,
    Seconds,
    describe_options,
    read_options,
)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Options(msgspec.Struct, frozen=True):
    lanes: Annotated[int, msgspec.Meta(ge=1, le=64, description="Threads to run on")] = 2
    ratio: float = 0.5
    is_fast: bool = False
    driver: Literal["thread", "sim"] = "thread"
    colour: Colour = Colour.RED
    state_dir: Path | None = None
    poll: Annotated[Seconds, msgspec.Meta(gt=0)] = 0.1
    memory: ByteSize = 1024
    label: str = ""


@dataclass(frozen=True)
class Remote:
    address: Address
    retries: int = 3

    def __post_init__(self) -> None:
        if self.retries > 9:
            raise ValueError("more than 9 retries never helped")


def read(text: str, options_class: type[Any] = Options) -> Any:
    return read_options(KernelSpec.parse(text), options_class)


def test_every_type_is_read_from_its_text() -> None:
    """A number that stays text would fail later, inside the kernel."""
    options = read(
        "k?lanes=4&ratio=1e-3&is_fast=yes&driver=sim&colour=blue&state_dir=%2Ftmp%2Fx"
        "&poll=500ms&memory=64MiB&label=a b"
    )

    assert options == Options(
        4, 0.001, True, "sim", Colour.BLUE, Path("/tmp/x"), 0.5, 64 * 2**20, "a b"
    )


def test_what_is_left_out_has_its_default() -> None:
    """Naming a kernel alone must do."""
    assert read("k") == Options()
    assert read("k?state_dir=none") == Options()


def test_all_wrong_options_are_reported_at_once() -> None:
    """One run must show every mistake, with what to write instead."""
    with pytest.raises(KernelSpecError) as caught:
        read("k?lane=4&lanes=0&poll=5&driver=threads&memory=3XB&is_fast=maybe")

    problems = caught.value.problems
    assert problems[0] == (
        "column 3: unknown option 'lane'; Did you mean 'lanes'? accepted are lanes, ratio, "
        "is_fast, driver, colour, state_dir, poll, memory, label"
    )
    assert "column 10: lanes='0' is not accepted; write whole number >= 1 and <= 64" in problems
    assert any("poll='5'" in one and "duration (500ms, 2s, 1m, 1h) > 0" in one for one in problems)
    assert any("driver='threads'" in one and "thread | sim" in one for one in problems)
    assert any("memory='3XB'" in one for one in problems)
    assert any("is_fast='maybe'" in one and "true | false" in one for one in problems)


def test_an_address_goes_to_the_field_of_that_type() -> None:
    """A remote kernel must learn where to connect to."""
    assert read("ray://head:6379/ns", Remote) == Remote(Address("head:6379", "/ns"))
    with pytest.raises(KernelSpecError, match="option 'address' is required"):
        read("ray", Remote)
    with pytest.raises(KernelSpecError, match="takes no address"):
        read("k://somewhere")


def test_the_options_class_may_refuse() -> None:
    """Rules between fields belong to the kernel, and read like any other mistake."""
    with pytest.raises(KernelSpecError, match="more than 9 retries never helped"):
        read("ray://h?retries=10", Remote)


def test_options_are_described_for_people() -> None:
    """`sage-kernel info` must say what can be written."""
    lanes, *_, poll, _memory, _label = describe_options(Options)

    assert (lanes.name, lanes.default_text, lanes.doc) == ("lanes", "2", "Threads to run on")
    assert lanes.type_text == "whole number >= 1 and <= 64"
    assert poll.type_text == "duration (500ms, 2s, 1m, 1h) > 0"
    assert describe_options(Remote)[0].is_required
    assert describe_options(Remote)[0].is_address
    assert describe_options(None) == ()


def test_an_options_class_that_no_text_can_fill_is_the_kernels_fault() -> None:
    """A user must not search for a mistake in a correct spec."""

    @dataclass(frozen=True)
    class Odd:
        values: dict[str, int]

    with pytest.raises(KernelContractError, match="cannot be read from a spec"):
        read("k", Odd)
    with pytest.raises(KernelContractError, match="neither a msgspec Struct nor a dataclass"):
        read("k", int)


@given(st.text(st.characters(), max_size=30), st.sampled_from(Options.__struct_fields__))
def test_any_text_for_any_option_is_read_or_refused(text: str, key: str) -> None:
    """A slip of the finger must not end in a foreign traceback."""
    with suppress(KernelSpecError):
        read_options(KernelSpec("k", ((key, text),)), Options)
