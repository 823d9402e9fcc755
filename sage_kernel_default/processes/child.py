"""What runs in the process of a lane: one entry function, and a thread that listens.

Layer: processes. Started by `sage_kernel_default.processes.lane`.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from sage_kernel_api.values import Payload
from sage_kernel_default.processes.codec import NO_BODY, Encoded, decode
from sage_kernel_default.processes.crossing import pack_error
from sage_kernel_default.processes.kinds import ENTRY, FAILED, FINISHED
from sage_kernel_default.processes.wire import Link, Message

__all__ = ["LaneEndpoint", "main"]

_PARENT_CHECK_MS: Final = 1000


class LaneEndpoint:
    """The lane's side of its link, for the entry function and what it starts.

    Attributes:
        on_arrival: Called from the listening thread after a message arrived; set it before
            the first `take`. The default does nothing.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._arrived: deque[Message] = deque()
        self._changed = threading.Semaphore(0)
        self.on_arrival: Callable[[], None] = lambda: None

    def send(self, kind: int, channel: int = 0, body: Encoded = NO_BODY) -> None:
        """Send to the parent, waiting while it does not read."""
        self._link.send(kind, channel, body)

    def take(self, timeout_s: float | None = None) -> Message | None:
        """Return the oldest message, waiting for one; None after *timeout_s*."""
        return self._arrived.popleft() if self._changed.acquire(timeout=timeout_s) else None

    def deliver(self, message: Message) -> None:
        """Store a message (the listening thread does)."""
        self._arrived.append(message)
        self._changed.release()
        self.on_arrival()


def main(descriptor: int, parent: int) -> None:
    """Run the lane until its entry function returns; then the process ends.

    Args:
        descriptor: The lane's end of the socket.
        parent: Process id of the parent; without it the lane kills itself and its group.
    """
    # Ctrl-C is for the parent, which then decides about its lanes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = socket.socket(fileno=descriptor)
    end.set_inheritable(False)
    link = Link(end)
    endpoint = LaneEndpoint(link)
    first = link.receive()
    if first is None or first.kind != ENTRY:
        return
    listen = threading.Thread(
        target=_listen, args=(link, end, endpoint, parent), name="lane-listener", daemon=True
    )
    listen.start()
    try:
        entry: Callable[..., Payload]
        entry, args = decode(first.body)
        entry(endpoint, *args)
    except BaseException as error:  # noqa: BLE001 - told to the parent, which raises it
        link.send(FAILED, 0, pack_error(error))
    else:
        link.send(FINISHED)


def _listen(link: Link, end: socket.socket, endpoint: LaneEndpoint, parent: int) -> None:
    poll = select.poll()
    poll.register(end, select.POLLIN)
    try:
        while True:
            # A process that the user's code forked may hold the parent's end open: so the
            # end of the parent is looked for in two ways.
            if not poll.poll(_PARENT_CHECK_MS):
                if os.getppid() != parent:
                    return
            elif (message := link.receive()) is not None:
                endpoint.deliver(message)
            else:
                return
    finally:
        # Nobody is left to work for, and whatever this lane started goes with it.
        os.killpg(os.getpid(), signal.SIGKILL)
