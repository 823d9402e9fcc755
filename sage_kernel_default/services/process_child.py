"""What runs in the process of a service.

Layer: services. Started by `sage_kernel_default.services.process`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sage_kernel_api.logging.standard_loggers import StandardLoggerFactory
from sage_kernel_api.values import Payload
from sage_kernel_default.detached import DetachedServiceContext
from sage_kernel_default.lanes.calls import LaneServices
from sage_kernel_default.lanes.kinds import ANSWER, EXIT, REFUSAL
from sage_kernel_default.lanes.logs import forward_logs
from sage_kernel_default.processes import (
    FIRST_FREE,
    LaneEndpoint,
    Message,
    decode,
    encode,
    pack_error,
)
from sage_kernel_default.services.host import public_methods

__all__ = ["INVOKE", "RAISED", "RETURNED", "STOPPING", "run_service"]

# Beside some kinds of `lanes.kinds`, whose numbers end below.
INVOKE: Final = FIRST_FREE + 100
"""To the process: do something; ``channel`` numbers it."""
RETURNED: Final = FIRST_FREE + 101
"""The result of what ``channel`` numbers."""
RAISED: Final = FIRST_FREE + 102
"""The same, as an exception."""
STOPPING: Final = FIRST_FREE + 103
"""To the process: the service is being stopped."""


def run_service(endpoint: LaneEndpoint, name: str, workers: int, log_level: int) -> None:
    """Do what the kernel asks for until it says that all is over.

    Args:
        endpoint: The way to the kernel.
        name: Of the service.
        workers: Calls that run at once.
        log_level: From which log records go to the kernel.
    """
    forward_logs(endpoint.send, log_level)
    _Service(endpoint, name, workers).run()


class _Service:
    """The instance, and the threads that work on it."""

    def __init__(self, endpoint: LaneEndpoint, name: str, workers: int) -> None:
        self._endpoint = endpoint
        self._name = name
        self._instance: Any = None
        self._is_stopping = False
        self._services = LaneServices(endpoint.send)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"service-{name}")
        self._exit = threading.Event()
        self._dispatching = threading.Lock()
        self._doing: dict[str, Callable[..., Any]] = {
            "make": self._make,
            "set_context": self._set_context,
            "life": self._live,
            "call": self._call,
        }

    def run(self) -> None:
        """Work until the exit."""
        self._endpoint.on_arrival = self._dispatch
        self._dispatch()  # what came before that
        self._exit.wait()
        self._pool.shutdown()

    def _dispatch(self) -> None:
        with self._dispatching:
            while (message := self._endpoint.take(0)) is not None:
                self._take(message)

    def _take(self, message: Message) -> None:
        if message.kind in (ANSWER, REFUSAL):
            self._services.answered(message)
        elif message.kind == STOPPING:
            self._is_stopping = True
        elif message.kind == EXIT:
            self._exit.set()
        else:
            self._pool.submit(self._do, message)

    def _do(self, message: Message) -> None:
        try:
            what, *parts = decode(message.body)
            body = encode(self._doing[what](*parts))
        except BaseException as error:  # noqa: BLE001 - all of it belongs to the caller
            self._endpoint.send(RAISED, message.channel, pack_error(error))
        else:
            self._endpoint.send(RETURNED, message.channel, body)

    def _make(
        self, make: Callable[..., Any], args: tuple[Payload, ...], kwargs: dict[str, Payload]
    ) -> frozenset[str]:
        self._instance = make(*args, **kwargs)
        return public_methods(self._instance)

    def _set_context(self, env_name: str) -> None:
        name = f"{env_name}.{self._name}" if env_name else self._name
        context = DetachedServiceContext(
            self._name,
            env_name,
            StandardLoggerFactory("sage_kernel").get_logger(name),
            self._services,
            lambda: self._is_stopping,
            _wall_us,
        )
        set_context = getattr(self._instance, "set_context", None)
        if callable(set_context):
            set_context(context)

    def _live(self, part: str) -> None:
        method = getattr(self._instance, part, None)
        if callable(method):
            method()

    def _call(self, method: str, args: tuple[Payload, ...], kwargs: dict[str, Payload]) -> Any:
        return getattr(self._instance, method)(*args, **kwargs)


def _wall_us() -> int:
    return time.time_ns() // 1000
