"""Marks keep their place among the records, and time merges to the least of its inputs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_default.channels import LocalChannel
from sage_kernel_default.engine import Barrier, Bell, Channel, Frame, Watermark
from sage_kernel_default.engine.watermarks import WatermarkMerge
from sage_kernel_default.lanes.channel import RemoteChannel
from sage_kernel_default.processes import Encoded, Message
from sage_kernel_default.processes.codec import NO_BODY


class _Bell(Bell):
    def ring(self) -> None:
        """Nobody sleeps in these tests."""


def _remote_pair() -> tuple[RemoteChannel, RemoteChannel]:
    def send(kind: int, channel: int = 0, body: Encoded = NO_BODY) -> None:
        reader.arrived(Message(kind, channel, body))

    reader = RemoteChannel("a -> b", 0, 8, lambda kind, channel=0, body=NO_BODY: None, _Bell())
    return RemoteChannel("a -> b", 0, 8, send, _Bell()), reader


def _mixed(writer: Channel, reader: Channel) -> None:
    frame = Frame([1, 2], ["a", "b"], [10, 20])

    writer.put(frame)
    writer.put_mark(Barrier(7))
    writer.put_mark(Watermark(20))
    writer.put(Frame([3], None))
    writer.end()

    assert reader.take() == frame
    assert reader.take() == Barrier(7)
    assert reader.take() == Watermark(20)
    had_ended = reader.has_ended
    assert reader.take() == Frame([3], None, None)
    assert reader.take() is None
    assert (had_ended, reader.has_ended, writer.sent) == (False, True, 3)


def test_marks_keep_their_place_within_a_process() -> None:
    """A barrier that overtook a record would put it on the wrong side of a snapshot."""
    channel = LocalChannel(8, _Bell(), _Bell())

    _mixed(channel, channel)


def test_marks_keep_their_place_between_processes() -> None:
    """The same channel must mean the same on process lanes."""
    _mixed(*_remote_pair())


def test_marks_use_no_credit() -> None:
    """A barrier must get through a channel that is full, or a slow sink stops checkpoints."""
    channel = LocalChannel(1, _Bell(), _Bell())
    channel.put(Frame([1], None))

    channel.put_mark(Barrier(1))

    assert (channel.sent, channel.consumed, channel.is_full) == (1, 0, True)


def test_time_waits_for_the_slowest_input() -> None:
    """A record of the slower input would otherwise be late at once."""
    merge = WatermarkMerge(2)

    assert merge.take(0, Watermark(50)) is None
    assert merge.take(1, Watermark(30)) == Watermark(30)
    assert merge.take(1, Watermark(70)) == Watermark(50)


def test_time_does_not_wait_for_idle_and_ended_inputs() -> None:
    """One silent sensor must not stop the windows of all others."""
    merge = WatermarkMerge(3)
    merge.take(0, Watermark(50))

    assert merge.take(1, Watermark(0, is_idle=True)) is None
    assert merge.end(2) == Watermark(50)
    assert merge.take(0, Watermark(50, is_idle=True)) == Watermark(50, is_idle=True)
    assert merge.take(1, Watermark(20)) == Watermark(50)


_EVENTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 100), st.booleans() | st.just("end")), max_size=60
)


@given(_EVENTS)
def test_time_never_goes_back_and_never_passes_an_active_input(
    events: list[tuple[int, int, bool | str]],
) -> None:
    """Closed windows cannot be opened again, so time must not run ahead of its inputs."""
    merge = WatermarkMerge(3)
    reached, times, active = -1, {0: -1, 1: -1, 2: -1}, {0, 1, 2}

    ended: set[int] = set()
    for number, time_us, what in events:
        if number in ended:
            continue
        if what == "end":
            passed = merge.end(number)
            active.discard(number)
            ended.add(number)
        else:
            times[number] = max(times[number], time_us)
            (active.discard if what else active.add)(number)
            passed = merge.take(number, Watermark(time_us, is_idle=bool(what)))
        if passed is not None and passed.time_us >= 0:
            assert passed.time_us >= reached
            floor = min((times[n] for n in active), default=reached)
            assert passed.time_us <= max(floor, reached)
            reached = passed.time_us
