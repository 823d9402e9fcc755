"""Services called from a process lane: the lane's side and the kernel's side.

Layer: lanes. Services live in the kernel's process, and so do their deadlines: a lane that is
alive gets an answer to every call, and a lane whose kernel is gone ends.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from itertools import count
from typing import Any

from sage_kernel_api.context import ServiceClient
from sage_kernel_api.values import Payload
from sage_kernel_default.lanes.channel import Send
from sage_kernel_default.lanes.courier import Courier
from sage_kernel_default.lanes.kinds import ANSWER, CALL, REFUSAL
from sage_kernel_default.processes import Message, decode, encode, pack_error, unpack_error

__all__ = ["CallDesk", "LaneServices"]

_MOST_CALLS = 2**32


class LaneServices(ServiceClient):
    """Implements `ServiceClient` in a lane; any thread may use it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._numbers = count()
        self._open: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        # Answers are decoded, and callbacks run, apart from the thread that listens.
        self._courier = Courier("lane-answers")

    def call(
        self,
        service_name: str,
        method: str,
        args: tuple[Payload, ...] = (),
        kwargs: Mapping[str, Payload] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Start a call; arguments and result travel, so they are copies."""
        return self._ask((service_name, method, tuple(args), dict(kwargs or {}), timeout_s))

    def methods(self, service_name: str) -> frozenset[str]:
        """Return the names of the public methods of a service."""
        found: frozenset[str] = self._ask((service_name, None, (), {}, None)).result()
        return found

    def answered(self, message: Message) -> None:
        """Take an answer; from the listening thread."""
        self._courier.post(lambda: self._settle(message))

    def _ask(self, question: tuple[Any, ...]) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            body = encode(question)
        except Exception as error:  # noqa: BLE001 - the contract: through the future
            future.set_exception(error)
            return future
        with self._lock:
            number = next(self._numbers) % _MOST_CALLS
            self._open[number] = future
        self._send(CALL, number, body)
        return future

    def _settle(self, message: Message) -> None:
        with self._lock:
            future = self._open.pop(message.channel)
        if not future.set_running_or_notify_cancel():
            return
        try:
            if message.kind == REFUSAL:
                future.set_exception(unpack_error(message.body))
            else:
                future.set_result(decode(message.body))
        except Exception as error:  # noqa: BLE001 - the answer cannot be rebuilt here
            future.set_exception(error)


class CallDesk:
    """Takes the calls of one lane to the services of its job."""

    def __init__(self, services: ServiceClient, courier: Courier, reply: Send) -> None:
        """Args: reply: To the lane; never waits."""
        self._services = services
        self._courier = courier
        self._reply = reply

    def take(self, message: Message) -> None:
        """Take a call; from the lane's reading thread."""
        self._courier.post(lambda: self._begin(message))

    def _begin(self, message: Message) -> None:
        number = message.channel
        try:
            name, method, args, kwargs, timeout_s = decode(message.body)
            if method is None:
                self._reply(ANSWER, number, encode(self._services.methods(name)))
                return
            call = self._services.call(name, method, args, kwargs, timeout_s=timeout_s)
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller
            self._reply(REFUSAL, number, pack_error(error))
            return
        call.add_done_callback(lambda future: self._finish(number, future))

    def _finish(self, number: int, future: Future[Any]) -> None:
        try:
            body = encode(future.result())
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller
            self._reply(REFUSAL, number, pack_error(error))
        else:
            self._reply(ANSWER, number, body)
