"""The services that all jobs of a kernel share.

Layer: services.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.lifecycle import ServiceManager, service_placement, service_workers
from sage_kernel_api.values import Payload
from sage_kernel_default.services.registry import ServiceRecipe, ServiceRegistry

__all__ = ["LocalServiceManager"]


class LocalServiceManager(ServiceManager):
    """Implements `ServiceManager` on the registry that jobs fall back to."""

    def __init__(self, registry: ServiceRegistry, check_open: Callable[[], None]) -> None:
        self._registry = registry
        self._check_open = check_open

    def register_service(
        self, name: str, service_class: Callable[..., Any], *args: Payload, **kwargs: Payload
    ) -> None:
        """Remember how to make a service; nothing runs yet."""
        self._check_open()
        workers = service_workers(service_class)
        placement = service_placement(service_class)
        recipe = ServiceRecipe(service_class, args, kwargs, workers, placement)
        self._registry.register(name, recipe)

    def start_service(self, name: str) -> bool:
        """Make the service and call its ``setup`` and ``start``; wait for them."""
        self._check_open()
        return self._registry.start(name)

    def stop_service(self, name: str) -> bool:
        """Refuse further calls, let running ones end, call ``stop`` and ``cleanup``."""
        return self._registry.stop(name)

    def call_service(self, name: str, method: str, *args: Payload, **kwargs: Payload) -> Any:
        """Call a public method and wait for the answer, at most for the default deadline."""
        self._check_open()
        return self._registry.call(name, method, args, kwargs, None).result()
