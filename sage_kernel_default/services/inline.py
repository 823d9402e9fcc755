"""A service without threads: every call runs at once, on the thread of its caller.

Layer: services. For the simulated driver, under which nothing may run by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.errors import ServiceCycleError, ServiceStateError
from sage_kernel_api.values import Payload
from sage_kernel_default.services.calls import Call, Worker
from sage_kernel_default.services.host import ServiceHost

__all__ = ["InlineHost"]


class InlineHost(ServiceHost):
    """Ends each call before it returns; one that let too much time pass has no answer even so.

    A service that waits for itself through others is reported as with threads: its workers are
    all further up the stack.
    """

    answers_at_once = True

    def __init__(self, name: str, make: Callable[[], Any], workers: int = 1) -> None:
        super().__init__(name, make, workers)
        self._busy: list[Worker] = []

    def start(self, context: object) -> Call:
        """Make the service and run ``set_context``, ``setup`` and ``start``."""
        call = Call(self, lambda: self._set_up(context), f"{self.name}.start()")
        call.run(self.workers[0])
        return call

    def submit(self, method: str, args: tuple[Payload, ...], kwargs: dict[str, Payload]) -> Call:
        """Run a public method."""
        function = self.method(method)
        call = Call(self, lambda: function(*args, **kwargs), f"{self.name}.{method}()")
        if not self.is_open:
            call.fail(ServiceStateError(f"Service {self.name!r} has stopped."))
            return call
        free = [worker for worker in self.workers if worker not in self._busy]
        if not free:
            call.fail(
                ServiceCycleError(
                    f"{call.label} would wait for the call of {self.name!r} that it comes from: a "
                    "circle. Answer without the call, or give the service more workers."
                )
            )
            return call
        self._busy.append(free[0])
        try:
            call.run(free[0])
        finally:
            self._busy.remove(free[0])
        return call

    def stop(self) -> Call:
        """Refuse further calls and run ``stop`` and ``cleanup``."""
        if not self.is_stopping:
            self.is_open, self.is_stopping = False, True
            self._end()
        return self._stopped

    def abandon(self) -> None:
        """Do nothing: no call is open."""

    def join(self, timeout_s: float) -> bool:
        """Return at once: there are no threads."""
        return True
