"""Calls of services: arguments, answers, exceptions, deadlines, circles.

Layer: testing. Promises of `ServiceClient` and `RuntimeContext.call_service`.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from sage_kernel_api.context import RuntimeContext
from sage_kernel_api.errors import (
    ServiceNotFoundError,
    ServiceTimeoutError,
)
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect_equal,
    expect_error,
    expect_same,
    expect_type,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


class Echo:
    """Answers with what it was given."""

    prefix = "no method"

    def echo(self, *args: Any, **kwargs: Any) -> Any:
        """Return the arguments."""
        return args, kwargs

    def give(self, value: Any) -> Any:
        """Return *value*."""
        return value

    def fail(self, cause: BaseException) -> None:
        """Raise *cause*."""
        raise cause

    def _hidden(self) -> int:
        return 1


@promise(Capability.SERVICES)
def arguments_arrive_as_they_were_given(bench: Workbench) -> None:
    """Positional and keyword arguments reach the method."""
    context = echo_context(bench)

    expect_equal(context.call_service("echo", "echo", 1, a=2), ((1,), {"a": 2}), "call_service")
    answer = context.services.call("echo", "echo", (1,), {"a": 2})
    expect_equal(answer.result(bench.wait_s), ((1,), {"a": 2}), "services.call")


@promise(
    Capability.SERVICES,
    variants={"None": None, "zero": 0, "False": False, "an empty text": "", "a list": [1]},
)
def any_value_is_an_answer(bench: Workbench, value: Any) -> None:
    """An answer comes back as the same object, falsy ones included."""
    expect_same(echo_context(bench).call_service("echo", "give", value), value, "the answer")


@promise(Capability.SERVICES)
def an_asynchronous_call_gives_a_future(bench: Workbench) -> None:
    """`call_service_async` returns a `concurrent.futures.Future` that ends with the answer."""
    answer = echo_context(bench).call_service_async("echo", "give", 5)

    expect_type(answer, Future, "what call_service_async returns")
    expect_equal(answer.result(bench.wait_s), 5, "the answer")
    expect_equal(answer.exception(bench.wait_s), None, "the exception")


class ShopError(Exception):
    """A service's own exception, made from two arguments."""

    def __init__(self, code: int, *, text: str) -> None:
        super().__init__(f"{code}: {text}")


CAUSES: dict[str, Exception] = {
    "a value error": ValueError("no"),
    "an exception of its own": ShopError(404, text="gone"),
    "a timeout of its own": TimeoutError("inside"),
    "a lookup error": LookupError("inside"),
}


@promise(Capability.SERVICES, variants=CAUSES)
def the_original_exception_comes_back(bench: Workbench, cause: Exception) -> None:
    """A call raises what the service raised: the same object, and its future ends with it."""
    context = echo_context(bench)

    expect_same(
        expect_error(type(cause), context.call_service, "echo", "fail", cause), cause, "raised"
    )
    answer = context.call_service_async("echo", "fail", cause)
    expect_same(answer.exception(bench.wait_s), cause, "the future's exception")


@promise(Capability.SERVICES)
def a_service_goes_on_after_an_exception(bench: Workbench) -> None:
    """A failing call ends neither the service nor its worker."""
    context = echo_context(bench)
    for _ in range(3):
        expect_error(ValueError, context.call_service, "echo", "fail", ValueError("no"))

    expect_equal(context.call_service("echo", "give", 1), 1, "the answer")


MISSING = {
    "an unknown method": "nothing",
    "a hidden method": "_hidden",
    "a special method": "__init__",
    "an attribute that is no method": "prefix",
}


@promise(Capability.SERVICES, variants=MISSING)
def only_public_methods_are_found(bench: Workbench, method: str) -> None:
    """Anything but a public method raises `ServiceNotFoundError`, through the future as well."""
    context = echo_context(bench)

    expect_error(ServiceNotFoundError, context.call_service, "echo", method)
    answer = context.services.call("echo", method)
    expect_type(answer.exception(bench.wait_s), ServiceNotFoundError, "the future's exception")


@promise(Capability.SERVICES)
def an_unknown_service_ends_the_future(bench: Workbench) -> None:
    """A call of a service that there is not raises nothing at once: the future tells."""
    answer = echo_context(bench).services.call("nobody", "get")

    expect_type(answer.exception(bench.wait_s), ServiceNotFoundError, "the future's exception")


@promise(Capability.SERVICES)
def the_methods_of_a_service_can_be_listed(bench: Workbench) -> None:
    """`methods` returns the public ones; an unknown service raises `ServiceNotFoundError`."""
    services = echo_context(bench).services

    expect_equal(sorted(services.methods("echo")), ["echo", "fail", "give"], "methods('echo')")
    expect_error(ServiceNotFoundError, services.methods, "nobody")


@promise(Capability.SERVICES)
def a_deadline_ends_the_call(bench: Workbench) -> None:
    """A call that takes longer ends with `ServiceTimeoutError`; its late answer is dropped."""

    class Slow:
        def answer(self) -> str:
            bench.pass_time(0.3)
            return "late"

        def at_once(self) -> str:
            return "at once"

    bench.kernel.service_manager.register_service("slow", Slow)
    context = bench.kernel.create_runtime_context({})
    bench.kernel.service_manager.start_service("slow")

    answer = context.services.call("slow", "answer", timeout_s=0.05)

    expect_type(answer.exception(bench.wait_s), ServiceTimeoutError, "the future's exception")
    expect_equal(context.call_service("slow", "at_once"), "at once", "the next answer")


@promise(Capability.SERVICES)
def a_call_within_its_deadline_succeeds(bench: Workbench) -> None:
    """A deadline that is not reached changes nothing."""
    answer = echo_context(bench).services.call("echo", "give", (5,), timeout_s=5.0)

    expect_equal(answer.result(bench.wait_s), 5, "the answer")


def echo_context(bench: Workbench) -> RuntimeContext:
    """Return a context from which the service ``echo`` can be called."""
    bench.kernel.service_manager.register_service("echo", Echo)
    return bench.kernel.create_runtime_context({})
