"""One call of a service, and who waits for whom.

Layer: services.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING, Any

from sage_kernel_api.errors import ServiceCycleError

if TYPE_CHECKING:
    from sage_kernel_default.services.host import ServiceHost

__all__ = ["Call", "Worker", "current_worker"]

_wait_graph = threading.Lock()
_here = threading.local()


class Worker:
    """One worker thread of a service, as the search for circles sees it."""

    def __init__(self, host: ServiceHost) -> None:
        self.host = host
        self.waits_for: Call | None = None

    def enter(self) -> None:
        """Mark the running thread as this worker."""
        _here.worker = self

    def can_go_on(self, seen: set[Worker]) -> bool:
        """Tell whether this worker will do something without further help."""
        if self in seen:
            return False
        seen.add(self)
        call = self.waits_for
        if call is None or call.done():
            return True
        if call.worker is not None:
            return call.worker.can_go_on(seen)
        return any(worker.can_go_on(seen) for worker in call.host.workers)


def current_worker() -> Worker | None:
    """Return the service worker that runs on this thread."""
    return getattr(_here, "worker", None)


class Call(Future[Any]):
    """A future that notices when waiting for it would wait for itself."""

    def __init__(self, host: ServiceHost, work: Callable[[], Any], label: str) -> None:
        super().__init__()
        self.host = host
        self.label = label
        self._work: Callable[[], Any] | None = work
        self.worker: Worker | None = None

    def result(self, timeout: float | None = None) -> Any:
        """Return the answer, or raise what the service raised; see `ServiceClient.call`."""
        with _Waiting(self):
            return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the service raised, or None."""
        with _Waiting(self):
            return super().exception(timeout)

    def answer(self, result: Any) -> bool:
        """Give the result; False if the call has ended before, as by its deadline."""
        try:
            self.set_result(result)
        except InvalidStateError:
            return False
        return True

    def fail(self, error: BaseException) -> bool:
        """Give the exception; False if the call has ended before."""
        try:
            self.set_exception(error)
        except InvalidStateError:
            return False
        return True

    def run(self, worker: Worker) -> None:
        """Do the work on a worker thread, if nobody has given up on it."""
        work, self._work = self._work, None  # an answered call must not keep its arguments
        if work is None or not self._begin():
            return
        self.worker = worker
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - all of it belongs to the caller
            if not self.fail(error):
                self.host.note_late(self.label, error)
        else:
            if not self.answer(result):
                self.host.note_late(self.label, None)
        finally:
            self.worker = None

    def _begin(self) -> bool:
        """Mark the call as running; False if its deadline or its caller was faster."""
        if self.done() and not self.cancelled():
            return False
        try:
            return self.set_running_or_notify_cancel()
        except RuntimeError:
            return False  # it ended between the two looks


class _Waiting:
    """The time that a service's worker spends waiting for another call."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._worker = current_worker()

    def __enter__(self) -> None:
        worker, call = self._worker, self._call
        if worker is None or call.done():
            return
        with _wait_graph:
            worker.waits_for = call
            if worker.can_go_on(set()):
                return
            worker.waits_for = None
        call.fail(
            ServiceCycleError(
                f"Service {worker.host.name!r} would wait for {call.label}, which waits for "
                f"{worker.host.name!r}: a circle. Answer without the call, use "
                "call_service_async, or give the service more workers."
            )
        )

    def __exit__(self, *exc_info: object) -> None:
        if self._worker is not None:
            self._worker.waits_for = None
