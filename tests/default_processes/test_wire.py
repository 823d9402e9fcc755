"""Bytes between processes: whole messages, or an error; never damaged values."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.errors import TransferError
from sage_kernel_default.processes import Link, decode, encode
from tests.helpers import in_thread

_VALUE: list[Any] = ["abc", 1.5, np.arange(16_000), np.ones(9_000)]


_LARGE = np.arange(1, 40_001)


def _bytes_of_one_message(value: Any) -> bytes:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(30)
        with in_thread(Link(ours, may_share=False).send, 20, 7, encode(value)) as sender:
            got = theirs.recv(1 << 20)
            sender.join()
            ours.close()
            while more := theirs.recv(1 << 20):
                got += more
    return got


def _receive(data: bytes, piece: int = 1 << 20) -> Any:
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def write() -> None:
            for start in range(0, len(data), piece):
                ours.sendall(data[start : start + piece])
            ours.close()

        with in_thread(write):
            try:
                message = Link(theirs).receive()
            finally:
                theirs.close()
        return message and (message.kind, message.channel, decode(message.body))


_SENT = _bytes_of_one_message(_VALUE)
_LARGE_SENT = _bytes_of_one_message(_LARGE)


def test_a_message_in_small_pieces_is_whole() -> None:
    """A socket may give any number of bytes at a time."""
    kind, channel, value = _receive(_SENT, piece=997)

    assert (kind, channel, value[:2]) == (20, 7, _VALUE[:2])
    assert np.array_equal(value[2], _VALUE[2])


@given(st.integers(0, len(_SENT) - 1), st.integers(0, 7))
def test_every_flipped_bit_is_noticed(position: int, bit: int) -> None:
    """A damaged record must never become a wrong result."""
    damaged = bytearray(_SENT)
    damaged[position] ^= 1 << bit

    with pytest.raises(TransferError, match="damaged"):
        _receive(bytes(damaged))


@given(st.data())
def test_bytes_of_a_large_array_that_were_lost_or_doubled_are_noticed(data: st.DataObject) -> None:
    """Only the ends of large buffers are summed; what goes wrong on the way moves them."""
    at = data.draw(st.integers(len(_LARGE_SENT) - _LARGE.nbytes + 1, len(_LARGE_SENT) - 8))
    count = data.draw(st.integers(1, 7))
    lost = _LARGE_SENT[:at] + _LARGE_SENT[at + count :] + b"\0" * count
    doubled = _LARGE_SENT[: at + count] + _LARGE_SENT[at:-count]

    for damaged in (lost, doubled):
        assert len(damaged) == len(_LARGE_SENT)
        with pytest.raises(TransferError, match="damaged"):
            _receive(damaged)


@given(st.integers(1, len(_SENT) - 1))
def test_every_cut_within_a_message_is_noticed(length: int) -> None:
    """A process killed while it writes must not pass half a frame as a whole one."""
    with pytest.raises(TransferError, match="missing"):
        _receive(_SENT[:length])


def test_an_end_between_messages_is_an_end() -> None:
    """Closing in order is not damage."""
    assert _receive(b"") is None


def test_shutting_down_wakes_a_sender_that_waits_for_room() -> None:
    """Cancelling must not wait for a peer that reads no more."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = Link(ours, may_share=False)

        with in_thread(link.send, 20, 0, encode(np.zeros(50_000_000, "u1"))) as sender:
            theirs.recv(1)
            link.shut_down()

    assert isinstance(sender.error, OSError)
