"""Shared memory between two ends of a link: exact, given back, and gone with its users."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.errors import TransferError
from sage_kernel_default.processes import Link, decode, encode
from sage_kernel_default.processes.arena import ArenaReader, ArenaWriter, Place, has_arenas

pytestmark = pytest.mark.skipif(not has_arenas, reason="this system has no memfd")

_PAGE = 4096
_MIB = 1024 * 1024


@pytest.fixture
def ends() -> Iterator[tuple[Link, Link]]:
    ours, theirs = socket.socketpair()
    links = (Link(ours), Link(theirs))
    yield links
    for link in links:
        link.close()


def sent(ends: tuple[Link, Link], value: Any) -> Any:
    writer, reader = ends
    writer.send(20, 7, encode(value))
    message = reader.receive()
    assert message is not None
    return decode(message.body)


def shared(size: int) -> tuple[ArenaWriter, ArenaReader]:
    writer = ArenaWriter(size)
    reader = ArenaReader(os.dup(writer.descriptor))
    writer.close_descriptor()
    return writer, reader


def test_large_arrays_arrive_exactly_and_may_be_written_to(ends: tuple[Link, Link]) -> None:
    """As they do over the wire; the writer's own array is not touched."""
    values = [np.arange(100_000), np.full((300, 300), 2.5), np.zeros(3)]

    back = sent(ends, values)
    back[0][:] = -1

    assert np.array_equal(values[0], np.arange(100_000))
    assert np.array_equal(back[1], values[1])
    assert back[1].dtype == values[1].dtype
    assert [array.flags.writeable for array in back] == [True, True, True]


def test_more_than_a_socket_holds_is_sent_without_a_reader(ends: tuple[Link, Link]) -> None:
    """It lies in the memory of both; only its place went over the wire."""
    writer, reader = ends

    writer.send(20, 0, encode(np.ones(32 * _MIB, "u1")))

    message = reader.receive()
    assert message is not None
    assert decode(message.body).sum() == 32 * _MIB


def test_memory_is_used_again_when_the_last_view_of_an_array_is_gone(
    ends: tuple[Link, Link],
) -> None:
    """A hundred times the arena passes; an array that is kept, or a slice of it, stays as it is."""
    first = sent(ends, np.full(_MIB, 7, "u1"))
    kept = first[5:10].reshape(5, 1)
    del first

    for number in range(200):
        assert int(sent(ends, np.full(32 * _MIB, number, "u1"))[-1]) == number

    assert kept.tolist() == [[7]] * 5


def test_what_does_not_fit_goes_over_the_wire(ends: tuple[Link, Link]) -> None:
    """A reader that keeps all it gets fills the arena, and loses nothing by it."""
    kept = [sent(ends, np.full(1_000_000, number, "u1")) for number in range(100)]

    assert [int(array.min()) for array in kept] == list(range(100))
    assert [int(array.max()) for array in kept] == list(range(100))


def test_nothing_is_left_of_the_memory_when_all_is_closed_and_gone() -> None:
    """No descriptor, no mapping, no name in the file system."""

    def mappings() -> int:
        return Path("/proc/self/maps").read_text().count("sage-kernel-arena")

    gc.collect()
    descriptors, mapped = len(os.listdir("/proc/self/fd")), mappings()
    ours, theirs = socket.socketpair()
    links = (Link(ours), Link(theirs))
    array = sent(links, np.ones(_MIB, "u1"))
    assert mappings() == mapped + 2
    for link in links:
        link.close()
    del links, ours, theirs
    gc.collect()
    assert int(array.sum()) == _MIB  # it outlives the link

    del array
    gc.collect()

    assert (len(os.listdir("/proc/self/fd")), mappings()) == (descriptors, mapped)


@given(st.lists(st.tuples(st.integers(1, 40 * _PAGE), st.booleans()), max_size=60))
def test_blocks_in_use_never_overlap(steps: list[tuple[int, bool]]) -> None:
    """Whatever is taken and given back in whatever order: each block keeps its bytes."""
    writer, reader = shared(64 * _PAGE)
    held: list[tuple[memoryview, int]] = []
    for number, (size, gives_back) in enumerate(steps):
        content = number % 251
        place = writer.place(memoryview(bytes([content]) * size))
        if place is not None:
            held.append((reader.block(place, size), content))
        if gives_back and held:
            held.pop(size % len(held))
        assert [(block[0], block[-1]) for block, _ in held] == [(n, n) for _, n in held]

    held.clear()
    assert writer.place(memoryview(bytes(64 * _PAGE))) is not None  # all of it came back


@pytest.mark.parametrize("place", [Place(0, 0), Place(0, 5000 * _PAGE), Place(70_000, _PAGE)])
def test_places_outside_of_the_memory_are_refused(place: Place) -> None:
    """Nothing that comes over a link is believed."""
    _, reader = shared(4 * _PAGE)

    with pytest.raises(ValueError, match=r"outside|too small"):
        reader.block(place, _PAGE)


def test_a_place_without_memory_is_an_error() -> None:
    """The descriptor was lost on the way."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = Link(ours)
        link.send(20, 0, encode(np.ones(_MIB, "u1")))
        link.close()
        data = b""
        while more := theirs.recv(_MIB):  # takes the bytes, and lets the descriptor go
            data += more
        again, last = socket.socketpair()
        with again, last:
            again.sendall(data)
            with pytest.raises(TransferError, match="did not come"):
                Link(last).receive()
