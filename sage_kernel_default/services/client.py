"""Calls of services from functions, services and outside.

Layer: services.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from sage_kernel_api.context import ServiceClient
from sage_kernel_api.values import Payload
from sage_kernel_default.services.registry import ServiceRegistry

__all__ = ["RegistryClient"]


class RegistryClient(ServiceClient):
    """Implements `ServiceClient` on a registry."""

    def __init__(self, registry: ServiceRegistry) -> None:
        self._registry = registry

    def call(
        self,
        service_name: str,
        method: str,
        args: tuple[Payload, ...] = (),
        kwargs: Mapping[str, Payload] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Start ``service.method(*args, **kwargs)`` and return its future at once."""
        return self._registry.call(service_name, method, tuple(args), kwargs or {}, timeout_s)

    def methods(self, service_name: str) -> frozenset[str]:
        """Return the names of the public methods of a service."""
        return self._registry.host(service_name).methods()
