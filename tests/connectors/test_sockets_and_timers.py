"""Sockets and timers: sources that wait without holding up their thread."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sage_kernel_api import JobFailedError, LocalEnvironment, PipelineError
from sage_kernel_api.core.connectors.socket_lines import SocketSource
from sage_kernel_api.core.connectors.timer import TimerSource
from sage_kernel_api.errors import BadRecordError, SourceConnectionError
from sage_kernel_api.runnable import SourcePoll
from tests.connectors.instances import Run
from tests.helpers import in_thread, no_leaks


class ManualClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        yield listening


def _until_lines(source: SocketSource) -> SourcePoll:
    """Poll until something other than waiting happens; bounded, because the data was sent."""
    for _ in range(1_000_000):
        answer = source.poll(10)
        if answer.records or answer.status == "ended":
            return answer
    raise AssertionError("nothing came")


def test_the_lines_of_a_server_flow_until_it_closes(server: socket.socket) -> None:
    """The end of the connection is the end of the stream; its last line needs no line end."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"one\r\ntwo\nthr")
            connection.sendall("ée".encode())

    with no_leaks(), in_thread(serve), LocalEnvironment(kernel="default") as env:
        lines = env.from_socket("127.0.0.1", server.getsockname()[1]).execute_and_collect()

    assert lines == ["one", "two", "thrée"]


def test_a_refused_connection_fails_with_its_address(server: socket.socket) -> None:
    """A wrong port is the usual mistake."""
    port = server.getsockname()[1]
    server.close()

    with LocalEnvironment(kernel="default") as env:
        env.from_socket("127.0.0.1", port).print()
        with pytest.raises(JobFailedError, match=rf"127\.0\.0\.1:{port}") as caught:
            env.submit(autostop=True)

    assert isinstance(caught.value.__cause__, SourceConnectionError)


def test_it_connects_again_after_the_interval_and_drops_the_unfinished_line(
    server: socket.socket,
) -> None:
    """Half a line of the old connection must not be glued to the first one of the new."""
    clock = ManualClock()
    port = server.getsockname()[1]
    source = SocketSource("127.0.0.1", port, reconnect_s=5.0, now_s=clock)
    source.open()
    connection, _ = server.accept()
    connection.sendall(b"one\nhal")
    assert list(_until_lines(source).records) == ["one"]
    connection.close()
    while source._socket is not None:
        assert source.poll(10).status == "idle"

    assert source.poll(10) == SourcePoll((), "idle", 0.01) or not source.poll(10).records
    assert source._socket is None
    clock.now_s += 5.0
    source.poll(10)
    connection, _ = server.accept()
    connection.sendall(b"two\n")
    assert list(_until_lines(source).records) == ["two"]
    connection.close()
    source.close()


def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job would wait for ever, and say nothing."""
    clock = ManualClock()
    source = SocketSource("127.0.0.1", 9, now_s=clock)
    monkeypatch.setattr(socket.socket, "connect_ex", lambda self, address: 0)
    with socket.socket() as never:
        source._socket, source._since_s = never, clock.now_s
        monkeypatch.setattr("select.poll", _NeverReady)
        assert source.poll(1).status == "idle"
        clock.now_s += 11

        with pytest.raises(SourceConnectionError, match="no answer within 10 s"):
            source.poll(1)


class _NeverReady:
    def register(self, *_: object) -> None:
        """Take it."""

    def poll(self, _: float) -> list[object]:
        return []


def test_a_line_in_another_encoding_is_shown_behind_those_before_it(server: socket.socket) -> None:
    """What came before it must not be lost with it."""
    source = SocketSource("127.0.0.1", server.getsockname()[1])
    source.open()
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"one\n\xff\nthree\n")
        assert list(_until_lines(source).records) == ["one"]
        with pytest.raises(BadRecordError, match=r"not utf-8.*xff"):
            source.poll(10)
        assert list(_until_lines(source).records) == ["three"]
    source.close()


def test_cancelling_a_waiting_socket_leaves_nothing(server: socket.socket) -> None:
    """A server that is silent must not keep the job alive."""
    with no_leaks(), LocalEnvironment(kernel="default") as env:
        env.from_socket("127.0.0.1", server.getsockname()[1]).print()
        env.submit()
        connection, _ = server.accept()
        assert env.cancel()
        connection.close()


def test_a_tick_comes_at_its_time_and_is_not_made_up_for() -> None:
    """A job that was paused for an hour must not tick three thousand times at once."""
    clock = ManualClock()
    timer = TimerSource(2.0, now_s=clock)
    timer.open()

    assert timer.poll(9) == SourcePoll((), "idle", 2.0)
    clock.now_s += 1.5
    assert timer.poll(9) == SourcePoll((), "idle", 0.5)
    clock.now_s += 1.0
    assert timer.poll(9) == SourcePoll((0,), "idle", 1.5)
    clock.now_s += 100
    assert timer.poll(9) == SourcePoll((1,), "idle", 2.0)
    assert timer.poll(9) == SourcePoll((), "idle", 2.0)


def test_a_timer_goes_on_with_its_number() -> None:
    """Two ticks of one number would be one event twice."""
    clock = ManualClock()
    source = partial(TimerSource, 1.0, 3, clock)
    run = Run(source)
    clock.now_s += 1
    assert run.poll() == [0]

    run = Run(source, 1, run.stop())

    assert run.poll() == []
    clock.now_s += 1
    assert run.poll() == [1]
    clock.now_s += 1
    assert run.poll() == [2]
    assert run.ended == {0}
    assert Run(source, 1, run.stop()).rest() == []


def test_ticks_flow() -> None:
    """What holds for one instance must hold in a job."""
    with LocalEnvironment(kernel="default") as env:
        assert env.from_timer(0.001, count=5).execute_and_collect() == [0, 1, 2, 3, 4]


def test_wrong_arguments_are_refused_when_described(tmp_path: Path) -> None:
    """Each of them would end in an error about our inside."""
    env = LocalEnvironment()

    for interval_s in (0, -1.0, float("inf"), "1"):
        with pytest.raises(PipelineError, match="from_timer"):
            env.from_timer(interval_s)  # type: ignore[arg-type]
    with pytest.raises(PipelineError, match="count"):
        env.from_timer(1, count=-1)
    with pytest.raises(PipelineError, match="port"):
        env.from_socket("localhost", 0)
    with pytest.raises(PipelineError, match="reconnect_s"):
        env.from_socket("localhost", 80, reconnect_s=0)
    assert env.pipeline == []
