"""Kernels with wrong services."""

from __future__ import annotations

from typing import Any

from sage_kernel_api.errors import ServiceError
from sage_kernel_api.values import Capability
from tests.conformance.wrong_kernels.faults import default_kernel, fault, mock_kernel

SERVICES = Capability.SERVICES


@fault(SERVICES)
def ignores_the_deadline_of_a_call() -> Any:
    kernel = default_kernel()
    kernel._registry.deadlines.watch = lambda call, limit_s: None
    return kernel


@fault(SERVICES)
def wraps_the_exceptions_of_services() -> Any:
    kernel = mock_kernel()
    perform = kernel._desk._perform

    def wrong(*args: Any) -> Any:
        try:
            return perform(*args)
        except ServiceError:
            raise
        except Exception as error:
            raise ServiceError(str(error)) from error

    kernel._desk._perform = wrong
    return kernel


@fault(SERVICES)
def drops_falsy_answers() -> Any:
    kernel = mock_kernel()
    perform = kernel._desk._perform
    kernel._desk._perform = lambda *args: perform(*args) or None
    return kernel


@fault(SERVICES)
def makes_a_service_for_each_call() -> Any:
    kernel = mock_kernel()
    instance_of = kernel._shared.instance_of

    def wrong(name: str) -> Any:
        kernel._shared.stop(name)
        return instance_of(name)

    kernel._shared.instance_of = wrong
    return kernel


@fault(SERVICES)
def never_cleans_up_a_service() -> Any:
    kernel = mock_kernel()
    call = kernel._shared._call_if_there

    def wrong(name: str, instance: Any, methods: Any) -> None:
        call(name, instance, [method for method in methods if method != "cleanup"])

    kernel._shared._call_if_there = wrong
    return kernel


@fault(SERVICES)
def starts_a_service_when_it_is_registered() -> Any:
    kernel = mock_kernel()
    add = kernel._shared.add

    def wrong(name: str, *more: Any) -> None:
        add(name, *more)
        kernel._shared.start(name)

    kernel._shared.add = wrong
    return kernel


@fault(SERVICES)
def replaces_the_service_of_a_taken_name() -> Any:
    kernel = mock_kernel()
    add = kernel._shared.add

    def wrong(name: str, *more: Any) -> None:
        kernel._shared._services.pop(name, None)
        add(name, *more)

    kernel._shared.add = wrong
    return kernel


@fault(SERVICES)
def calls_hidden_methods() -> Any:
    kernel = mock_kernel()
    perform_real = kernel._desk._perform_real

    def wrong(host: Any, name: str, method: str, args: Any, kwargs: Any) -> Any:
        if method == "_hidden":
            return getattr(host.instance_of(name), method)(*args, **kwargs)
        return perform_real(host, name, method, args, kwargs)

    kernel._desk._perform_real = wrong
    return kernel
