"""The parts that a kernel lacks, refusing by contract: for kernels to hand out in their place.

Layer: lifecycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, NoReturn

from sage_kernel_api.errors import CapabilityError
from sage_kernel_api.values import Capability, Payload

__all__ = ["NoServices", "NoState"]


class NoServices:
    """The `ServiceManager` and `ServiceClient` of a kernel without `Capability.SERVICES`.

    Every method raises `CapabilityError`; a future that is asked for ends with it.
    """

    def __init__(self, kernel: str) -> None:
        self._refusal = _refusal(kernel, Capability.SERVICES)

    def register_service(
        self, name: str, service_class: type[Any], *args: Payload, **kwargs: Payload
    ) -> NoReturn:
        """Refuse."""
        raise CapabilityError(self._refusal)

    def start_service(self, name: str) -> NoReturn:
        """Refuse."""
        raise CapabilityError(self._refusal)

    def stop_service(self, name: str) -> NoReturn:
        """Refuse."""
        raise CapabilityError(self._refusal)

    def call_service(self, name: str, method: str, *args: Payload, **kwargs: Payload) -> NoReturn:
        """Refuse."""
        raise CapabilityError(self._refusal)

    def call(
        self,
        service_name: str,
        method: str,
        args: tuple[Payload, ...] = (),
        kwargs: Mapping[str, Payload] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Return a future that has ended with the refusal."""
        answer: Future[Any] = Future()
        answer.set_exception(CapabilityError(self._refusal))
        return answer

    def methods(self, service_name: str) -> NoReturn:
        """Refuse."""
        raise CapabilityError(self._refusal)


class NoState:
    """The `StateManager` of a kernel without `Capability.STATE`: every method raises."""

    def __init__(self, kernel: str) -> None:
        self._refusal = _refusal(kernel, Capability.STATE)

    def save_state(self, key: str, state: Payload) -> NoReturn:
        """Refuse."""
        raise CapabilityError(self._refusal)

    def load_state(self, key: str, default: Any = None) -> NoReturn:
        """Refuse."""
        raise CapabilityError(self._refusal)

    def clear_state(self, key: str) -> NoReturn:
        """Refuse."""
        raise CapabilityError(self._refusal)

    def create_checkpoint(self, checkpoint_id: str) -> NoReturn:
        """Refuse."""
        raise CapabilityError(self._refusal)

    def restore_checkpoint(self, checkpoint_id: str) -> NoReturn:
        """Refuse."""
        raise CapabilityError(self._refusal)


def _refusal(kernel: str, capability: Capability) -> str:
    return f"Kernel {kernel!r} does not offer {capability}; choose a kernel that does."
