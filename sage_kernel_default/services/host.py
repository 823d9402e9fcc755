"""One service instance and its worker threads.

Layer: services.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, Final

from sage_kernel_api.errors import ServiceNotFoundError, ServiceStateError
from sage_kernel_api.values import Payload
from sage_kernel_default.services.calls import Call, Worker

__all__ = ["LIFE_CYCLE", "ServiceHost", "public_methods"]

_LOG: Final = logging.getLogger("sage_kernel.services")

LIFE_CYCLE: Final = frozenset({"setup", "start", "stop", "cleanup", "set_context"})
"""Methods that the kernel calls; not part of what callers see."""


class ServiceHost:
    """Runs a service: its life cycle and its calls, all on its own worker threads.

    So nothing that a service does, not even hanging in its constructor, blocks the kernel.

    Attributes:
        instance: The service; None before it was made.
        is_open: Calls are taken: it has started, and was not told to stop.
        is_stopping: It was told to stop.
        late_answers: Answers and exceptions that came after the end of their calls.
        is_killable: Giving up on it leaves nothing behind.
        answers_at_once: A call has ended when `submit` returns, however long it took.
    """

    is_killable = False
    answers_at_once = False

    def __init__(self, name: str, make: Callable[[], Any], workers: int = 1) -> None:
        """Args: workers: Calls that run at once, at least 1."""
        self.name = name
        self.is_open = False
        self.is_stopping = False
        self.instance: Any = None
        self.late_answers = 0
        self._make = make
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._stopped = Call(self, _nothing, f"{name}.stop()")
        self._left = workers
        self._has_started = False
        self.workers = [Worker(self) for _ in range(workers)]
        self._threads = [
            threading.Thread(
                target=self._serve, args=(worker,), name=f"service-{name}-{n}", daemon=True
            )
            for n, worker in enumerate(self.workers)
        ]

    def start(self, context: object) -> Call:
        """Begin to make the service and run ``set_context``, ``setup`` and ``start``."""
        call = Call(self, lambda: self._set_up(context), f"{self.name}.start()")
        self._calls.put(call)
        for thread in self._threads:
            thread.start()
        return call

    def submit(self, method: str, args: tuple[Payload, ...], kwargs: dict[str, Payload]) -> Call:
        """Queue a call of a public method."""
        function = self.method(method)
        call = Call(self, lambda: function(*args, **kwargs), f"{self.name}.{method}()")
        with self._lock:  # no call behind the workers' end: nobody would answer it
            if is_open := self.is_open:
                self._calls.put(call)
        if not is_open:
            call.fail(ServiceStateError(f"Service {self.name!r} has stopped."))
        return call

    def stop(self) -> Call:
        """Refuse further calls; after those that were taken run ``stop`` and ``cleanup``.

        Returns:
            What ends when the service has stopped; the same at each call.
        """
        with self._lock:
            if not self.is_stopping:
                self.is_open, self.is_stopping = False, True
                for _ in self._threads:
                    self._calls.put(None)
        return self._stopped

    def abandon(self) -> None:
        """Fail the calls that nobody has begun with: the service does not come back."""
        refused: list[Call] = []
        try:
            while True:
                if (call := self._calls.get_nowait()) is not None:
                    refused.append(call)
        except queue.Empty:
            for _ in self._threads:
                self._calls.put(None)
        for call in refused:
            call.fail(ServiceStateError(f"Service {self.name!r} was stopped before {call.label}."))

    def join(self, timeout_s: float) -> bool:
        """Wait for the workers; False if some user code does not return."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout_s)
        return not any(thread.is_alive() for thread in self._threads)

    def note_late(self, label: str, error: BaseException | None) -> None:
        """Count and report an answer, or an *error*, that nobody waits for any more."""
        with self._lock:
            self.late_answers += 1
        what = "answered" if error is None else f"raised {type(error).__name__}: {error}"
        _LOG.warning("%s %s after its call had ended; this was dropped", label, what)

    def method(self, name: str) -> Callable[..., Any]:
        """Return a public method of the running service."""
        if not name.startswith("_") and name not in LIFE_CYCLE:
            found = getattr(self.instance, name, None)
            if callable(found):
                return found  # type: ignore[no-any-return]  # any callable of the user's
        raise self.unknown_method(name)

    def unknown_method(self, name: str) -> ServiceNotFoundError:
        """Return the error of a method that is not there."""
        known = ", ".join(sorted(self.methods())) or "none"
        return ServiceNotFoundError(
            f"Service {self.name!r} has no public method {name!r}. It has: {known}."
        )

    def methods(self) -> frozenset[str]:
        """Return the names of the public methods, without running any property."""
        return public_methods(self.instance)

    def _serve(self, worker: Worker) -> None:
        worker.enter()
        while (call := self._calls.get()) is not None:
            call.run(worker)
            del call  # an idle worker must not keep the last arguments alive
        with self._lock:
            self._left -= 1
            is_last = not self._left
        if is_last:  # so no call runs any more
            self._end()

    def _set_up(self, context: object) -> None:
        try:
            self.instance = self._make()
            self._call_if_there("set_context", context)
            self._call_if_there("setup")
            self._call_if_there("start")
        except BaseException:
            if self.instance is not None:
                self._call_if_there("cleanup")
            raise
        with self._lock:
            self._has_started = True
            self.is_open = not self.is_stopping

    def _end(self) -> None:
        """Let go of the service, also if nobody waits for that any more."""
        try:
            self._tear_down()
        except BaseException as error:  # noqa: BLE001 - belongs to whoever stopped the service
            if not self._stopped.fail(error):
                self.note_late(self._stopped.label, error)
        else:
            self._stopped.answer(None)

    def _tear_down(self) -> None:
        if not self._has_started:
            return  # cleaned up already, or never made
        try:
            self._call_if_there("stop")
        finally:
            self._call_if_there("cleanup")

    def _call_if_there(self, name: str, *args: object) -> None:
        method = getattr(self.instance, name, None)
        if callable(method):
            method(*args)


def public_methods(instance: object) -> frozenset[str]:
    """Return the names of what callers of a service see, without running any property."""
    return frozenset(
        name
        for kind in type(instance).__mro__
        for name, member in vars(kind).items()
        if not name.startswith("_")
        and name not in LIFE_CYCLE
        and (callable(member) or isinstance(member, (staticmethod, classmethod)))
    )


def _nothing() -> None:
    """Be the work of a call that is answered by hand."""
