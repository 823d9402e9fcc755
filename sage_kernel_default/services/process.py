"""A service in a process of its own, as the kernel's process sees it.

Layer: services. The worker threads stay here, one for each call that runs at once, and hand
each call to the process: so order, deadlines, late answers and the life cycle are those of
`ServiceHost`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from itertools import count
from typing import Any, Final

from sage_kernel_api.context import ServiceContext
from sage_kernel_api.errors import LaneError, ServiceError, ServiceStateError
from sage_kernel_api.values import Payload
from sage_kernel_default.lanes.calls import CallDesk
from sage_kernel_default.lanes.courier import Courier
from sage_kernel_default.lanes.kinds import CALL, EXIT, LOG
from sage_kernel_default.lanes.logs import take_log
from sage_kernel_default.processes import (
    LaneExit,
    Message,
    ProcessLane,
    decode,
    encode,
    unpack_error,
)
from sage_kernel_default.processes.codec import NO_BODY, Encoded
from sage_kernel_default.services.host import ServiceHost
from sage_kernel_default.services.process_child import (
    INVOKE,
    RAISED,
    STOPPING,
    run_service,
)
from sage_kernel_default.services.registry import ServiceRecipe

__all__ = ["ProcessHost"]

_EXIT_S: Final = 5.0
"""How long the process may take to end after ``cleanup``, with what the user registered."""
_COURIER_S: Final = 1.0


class ProcessHost(ServiceHost):
    """Runs a service in a process; see the module."""

    is_killable = True

    def __init__(self, name: str, recipe: ServiceRecipe) -> None:
        super().__init__(name, self._make_remote, recipe.workers)
        self._recipe = recipe
        self._remote: RemoteService | None = None

    def _make_remote(self) -> RemoteService:
        # Kept before it is made: whoever gives up meanwhile must be able to kill it.
        self._remote = remote = RemoteService(self.name, self._recipe)
        remote.make()
        return remote

    def stop(self) -> Any:
        """Refuse further calls, and let the service's context say so."""
        if self._remote is not None and not self.is_stopping:
            self._remote.tell_stopping()
        return super().stop()

    def abandon(self) -> None:
        """Kill the process: nothing of it outlives its service."""
        super().abandon()
        if self._remote is not None:
            self._remote.kill()
        self.join(_COURIER_S)

    def methods(self) -> frozenset[str]:
        """Return the names of the public methods."""
        return frozenset() if self._remote is None else self._remote.names

    def method(self, name: str) -> Callable[..., Any]:
        """Return what calls a public method in the process."""
        if self._remote is not None and name in self._remote.names:
            return partial(self._remote.call, name)
        raise self.unknown_method(name)


class RemoteService:
    """Stands for the instance: each call waits for the answer of the process.

    Attributes:
        names: Of the public methods; empty before `make`.
    """

    def __init__(self, name: str, recipe: ServiceRecipe) -> None:
        self.names: frozenset[str] = frozenset()
        self._name = name
        self._recipe = recipe
        self._numbers = count(1)
        self._open: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._end: LaneExit | None = None
        self._is_started = False
        self._is_unwanted = False
        self._out = Courier(f"service-{name}-out")
        self._calls = Courier(f"service-{name}-calls")
        self._desk: CallDesk | None = None
        self._process = ProcessLane(f"service-{name}", self._take, self._ended)

    # --- from the host's workers -----------------------------------------------------------------

    def make(self) -> None:
        """Start the process and make the instance in it.

        Raises:
            ServiceError: The process died.
            Exception: What starting it, or the service's constructor, raised.
        """
        recipe = self._recipe
        level = logging.getLogger("sage_kernel").getEffectiveLevel()
        with self._lock:
            if self._is_unwanted:
                raise ServiceError(f"Service {self._name!r} was stopped before it was made.")
            self._process.start(run_service, self._name, recipe.workers, level)
            self._is_started = True
        try:
            made = self._invoke("make", recipe.make, recipe.args, dict(recipe.kwargs))
            self.names = made
        except BaseException:
            self._close()
            raise

    def set_context(self, context: ServiceContext) -> None:
        """Give the instance a context there, whose calls to services are made here."""
        self._desk = CallDesk(context.services, self._calls, self._post)
        self._invoke("set_context", context.env_name)

    def setup(self) -> None:
        """Run ``setup`` there."""
        self._invoke("life", "setup")

    def start(self) -> None:
        """Run ``start`` there."""
        self._invoke("life", "start")

    def stop(self) -> None:
        """Run ``stop`` there."""
        self._invoke("life", "stop")

    def cleanup(self) -> None:
        """Run ``cleanup`` there, and end the process."""
        try:
            self._invoke("life", "cleanup")
        finally:
            self._close()

    def call(self, method: str, /, *args: Payload, **kwargs: Payload) -> Any:
        """Call a public method and wait for its answer."""
        return self._invoke("call", method, args, kwargs)

    def _invoke(self, what: str, *parts: Any) -> Any:
        body = encode((what, *parts))
        future: Future[Any] = Future()
        with self._lock:
            if self._end is not None:
                raise self._gone(self._end)
            number = next(self._numbers)
            self._open[number] = future
        self._send(INVOKE, number, body)
        return future.result()

    # --- from anywhere -------------------------------------------------------------------------

    def tell_stopping(self) -> None:
        """Let the context's ``should_stop`` say so; does not wait."""
        self._post(STOPPING)

    def kill(self) -> None:
        """Kill the process and wait until nothing of it is left."""
        with self._lock:
            self._is_unwanted = True
            is_started = self._is_started
        if is_started:
            self._process.kill()
        self._close()

    def _close(self) -> None:
        if self._is_started:
            self._post(EXIT)
            if not self._process.join(_EXIT_S):
                self._process.stop(0)
        self._out.close(_COURIER_S)
        self._calls.close(_COURIER_S)

    def _post(self, kind: int, channel: int = 0, body: Encoded = NO_BODY) -> None:
        self._out.post(lambda: self._send(kind, channel, body))

    def _send(self, kind: int, channel: int, body: Encoded) -> None:
        try:
            self._process.send(kind, channel, body)
        except LaneError:
            return  # its end fails all that is open, and says how it ended

    # --- from the process's own threads ----------------------------------------------------------

    def _take(self, message: Message) -> None:
        if message.kind == LOG:
            self._calls.post(lambda: take_log(message))
        elif message.kind == CALL:
            assert self._desk is not None
            self._desk.take(message)
        else:
            # Values are rebuilt by code of the user: not on the thread that reads.
            self._calls.post(lambda: self._settle(message))

    def _settle(self, message: Message) -> None:
        with self._lock:
            future = self._open.pop(message.channel)
        try:
            if message.kind == RAISED:
                future.set_exception(unpack_error(message.body))
            else:
                future.set_result(decode(message.body))
        except Exception as error:  # noqa: BLE001 - the answer cannot be rebuilt here
            future.set_exception(error)

    def _ended(self, exit_: LaneExit) -> None:
        # Behind the answers that came before the end.
        self._calls.post(lambda: self._fail_open(exit_))

    def _fail_open(self, exit_: LaneExit) -> None:
        with self._lock:
            self._end = exit_
            left = list(self._open.values())
            self._open.clear()
        for future in left:
            future.set_exception(self._gone(exit_))

    def _gone(self, exit_: LaneExit) -> ServiceError:
        if self._is_unwanted:
            return ServiceStateError(f"Service {self._name!r} was stopped; its process is gone.")
        how = f"{exit_.error}" if exit_.error is not None else "it has ended."
        error = ServiceError(f"Service {self._name!r} has lost its process: {how}")
        error.__cause__ = exit_.error
        return error
