"""Run named services beside jobs.

Layer: lifecycle.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol

from sage_kernel_api.values import Payload

__all__ = ["ServiceManager"]


class ServiceManager(Protocol):
    """Register, start, call and stop services that all jobs of a kernel share.

    A service is any object. If it has the methods ``setup``, ``start``, ``stop`` and
    ``cleanup``, they are called in that order around its life; if it has ``set_context``, that
    is called first of all. Calls of one service run one after another, or as many at once as
    the attribute ``workers`` of its class says; life-cycle methods never run beside a call. Any
    thread may use this manager.
    """

    @abstractmethod
    def register_service(
        self, name: str, service_class: type[Any], *args: Payload, **kwargs: Payload
    ) -> None:
        """Remember how to make a service; nothing runs yet.

        Args:
            name: What callers say.
            service_class: A class, or any callable that returns the service.
            args: Its positional arguments.
            kwargs: Its keyword arguments.

        Raises:
            ServiceStateError: The name is taken; the earlier service stays.
        """

    @abstractmethod
    def start_service(self, name: str) -> bool:
        """Make the service and call its ``setup`` and ``start``; wait for them.

        Returns:
            True if it runs now; False if it ran already.

        Raises:
            ServiceNotFoundError: No service of that name.
            Exception: What the service raised; it does not run then, and has been cleaned up.
        """

    @abstractmethod
    def stop_service(self, name: str) -> bool:
        """Refuse further calls, let running ones end, call ``stop`` and ``cleanup``.

        Returns:
            True if it was stopped; False if it did not run.

        Raises:
            ServiceNotFoundError: No service of that name.
            Exception: What ``stop`` or ``cleanup`` raised; it does not run any more.
        """

    @abstractmethod
    def call_service(self, name: str, method: str, *args: Payload, **kwargs: Payload) -> Any:
        """Call a public method and wait for the answer, at most for the default deadline.

        A registered service that does not run yet is started first.

        Raises:
            ServiceNotFoundError: No such service or public method.
            ServiceTimeoutError: The deadline passed.
            Exception: The service's own, of its original type.
        """
