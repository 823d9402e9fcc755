"""Services called the wrong way, kernels that are not, and things that a kernel cannot do."""

from concurrent.futures import Future

from shared import Cache

from sage_kernel_api import (
    Capability,
    ExecutionContext,
    LocalEnvironment,
    MapFunction,
    RuntimeContext,
    register_kernel,
    resolve_kernel,
)
from sage_kernel_api.storage import StateManager


class Lookup(MapFunction[str, int]):
    def execute(self, data: str) -> int:
        return self.service(Cache, "cache").get(data)


class NotAKernel:
    @property
    def name(self) -> str:
        return "wrong"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset()


class ForgetfulState:
    def save_state(self, key: str, state: object) -> None:
        print(key, state)


def service_method_with_a_wrong_argument() -> None:
    class Wrong(MapFunction[int, int]):
        def execute(self, data: int) -> int:
            return self.service(Cache, "cache").get(data)  # rejected: arg-type

    print(Wrong)


def service_method_that_does_not_exist() -> None:
    class Wrong(MapFunction[str, str]):
        def execute(self, data: str) -> str:
            self.service(Cache, "cache").fetch(data)  # rejected: attr-defined
            return data

    print(Wrong)


def service_result_of_another_type() -> None:
    class Wrong(MapFunction[str, str]):
        def execute(self, data: str) -> str:
            return self.service(Cache, "cache").get(data)  # rejected: return-value

    print(Wrong)


def function_whose_execute_takes_another_type() -> None:
    class Wrong(MapFunction[str, int]):
        def execute(self, data: int) -> int:  # rejected: override
            return data

    print(Wrong)


def function_whose_execute_returns_another_type() -> None:
    class Wrong(MapFunction[str, int]):
        def execute(self, data: str) -> str:  # rejected: override
            return data

    print(Wrong)


def function_without_execute() -> None:
    class Wrong(MapFunction[str, int]):
        pass

    Wrong()  # rejected: abstract


def registration_of_what_is_no_kernel() -> None:
    register_kernel("wrong", NotAKernel)  # rejected: arg-type


def registration_of_a_factory_that_takes_other_options() -> None:
    def make(size: int) -> NotAKernel:
        return NotAKernel()

    register_kernel("wrong", make, options=str)  # rejected: arg-type


def state_manager_without_its_members() -> None:
    state: StateManager = ForgetfulState()  # rejected: assignment
    print(state)


def environment_with_what_is_no_kernel() -> None:
    LocalEnvironment("x", kernel=NotAKernel())  # rejected: call-overload


def resolution_of_what_is_no_kernel() -> None:
    resolve_kernel(NotAKernel())  # rejected: call-overload


def pause_on_the_mock_kernel() -> None:
    env = LocalEnvironment("x", kernel="mock")
    env.pause()  # rejected: misc


def resume_on_the_mock_kernel() -> None:
    env = LocalEnvironment("x", kernel="mock")
    env.resume()  # rejected: misc


def context_of_a_service_has_no_downstream(context: RuntimeContext) -> None:
    context.send_data(1)  # rejected: attr-defined


def future_of_a_service_call_is_no_result(context: ExecutionContext) -> None:
    answer: int = context.call_service_async("cache", "get", "k")  # rejected: assignment
    print(answer, Future)


def misspelt_import() -> None:
    from sage_kernel_api import LocalEnviroment  # rejected: attr-defined

    print(LocalEnviroment)
