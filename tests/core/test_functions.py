"""Functions alone: without a runtime, with services, and their state."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Protocol

import pytest

import sage_kernel_api
from sage_kernel_api import (
    BaseService,
    ContextError,
    CustomLogger,
    JobFailedError,
    LocalEnvironment,
    MapFunction,
    OperatorFactory,
    detect_lambda_type,
    wrap_lambda,
)
from sage_kernel_api.core.operators import MapOperator, ReduceOperator
from sage_kernel_api.errors import InterfaceError, ServiceCallError, ServiceNotFoundError


class Counter(MapFunction[int, int]):
    __state_exclude__ = ("connection",)

    def __init__(self) -> None:
        self.count = 0
        self.connection = object()

    def execute(self, data: int) -> int:
        self.count += 1
        return self.count


class Cache(Protocol):
    def get(self, key: str) -> int: ...


class CacheService(BaseService):
    def __init__(self, size: int = 0) -> None:
        self.size = size

    def get(self, key: str) -> int:
        return len(key) + self.size

    def fail(self) -> None:
        raise OSError("disk")


class Calls(MapFunction[str, list[int]]):
    def execute(self, data: str) -> list[int]:
        return [
            self.call_service["cache"].get(data),
            self.call_service("cache", "get", data),
            self.call_service("cache", data, method="get", timeout=5.0),
            self.call_service_async["cache"].get(data).result(),
            self.service(Cache, "cache", timeout_s=1.0).get(data),
        ]


class Wrong(MapFunction[str, int]):
    def execute(self, data: str) -> int:
        result: int = self.call_service("cache", data)
        return result


def cause_of(env: LocalEnvironment) -> BaseException | None:
    with pytest.raises(JobFailedError) as caught:
        env.wait()
    return caught.value.__cause__


def test_a_function_works_without_super_init_and_without_a_runtime() -> None:
    """Unit tests of functions need no kernel."""
    function = Counter()

    assert function.execute(1) == 1
    assert function.name == "Counter"
    function.logger.debug("goes to the standard library's logging")


@pytest.mark.parametrize(
    "ask",
    [
        lambda f: f.ctx,
        lambda f: f.context,
        lambda f: f.call_service("cache", "get"),
        lambda f: f.call_service["cache"],
        lambda f: f.call_service_async("cache", "get"),
        lambda f: f.service(Cache, "cache"),
        lambda f: f.save_state(1),
        lambda f: f.load_state(),
    ],
)
def test_what_needs_a_runtime_says_so(ask: Any) -> None:
    """An AttributeError on None would tell nobody what is missing."""
    with pytest.raises(ContextError, match="Counter has no runtime"):
        ask(Counter())


def test_state_is_all_attributes_but_the_excluded_ones() -> None:
    """A connection in a checkpoint would fail the job at its first one."""
    function, other = Counter(), Counter()
    function.execute(1)

    other.restore_state(function.get_state())

    assert function.get_state() == {"count": 1}
    assert other.count == 1


def test_all_spellings_of_a_service_call_mean_the_same(env: LocalEnvironment) -> None:
    """Three generations of programs spell it in three ways."""
    env.register_service("cache", CacheService, size=1)

    assert env.from_collection(["ab"]).map(Calls).execute_and_collect() == [[3, 3, 3, 3, 3]]


def test_a_call_that_names_no_method_shows_all_spellings(env: LocalEnvironment) -> None:
    """Data taken for a method name would call something else."""
    env.register_service("cache", CacheService)
    env.from_collection(["ab"]).map(Wrong)

    env.submit()

    cause = cause_of(env)
    assert isinstance(cause, ServiceCallError)
    for form in ('call_service["cache"]', 'call_service("cache", "get"', 'method="get"'):
        assert form in str(cause)


def test_the_services_own_exception_comes_back(env: LocalEnvironment) -> None:
    """Callers catch what the service raises, not a wrapper."""

    class Asks(MapFunction[str, None]):
        def execute(self, data: str) -> None:
            self.call_service(data, "fail")

    env.register_service("cache", CacheService)
    env.from_collection(["cache"]).map(Asks)
    env.submit()
    assert isinstance(cause_of(env), OSError)

    env.from_collection(["nobody"]).map(Asks)
    env.pipeline = env.pipeline[2:]
    env.submit()
    assert isinstance(cause_of(env), ServiceNotFoundError)


def test_an_operator_calls_the_users_function_itself() -> None:
    """A wrapper would cost more than most functions; kernels compile `call` into loops."""
    context: Any = _FakeContext()

    by_class: Any = OperatorFactory(MapOperator, Counter)(context)
    by_callable: Any = OperatorFactory(MapOperator, str.upper)(context)
    by_key: Any = OperatorFactory(ReduceOperator, max)(context)

    assert by_class.call.__func__ is Counter.execute
    assert by_class.call is by_class.call
    assert by_callable.call is str.upper
    assert (by_class.reads_key, by_callable.reads_key, by_key.reads_key) == (True, False, False)


def test_an_operator_factory_travels_if_its_parts_do() -> None:
    """Process lanes and remote kernels make their instances elsewhere."""
    factory = OperatorFactory(MapOperator, Counter, (), (), (("x", 1),))

    assert pickle.loads(pickle.dumps(factory)) == factory


def test_lambdas_can_be_made_into_classes() -> None:
    """SAGE programs build their function classes themselves."""

    def is_even(value: int) -> bool:
        return value % 2 == 0

    assert detect_lambda_type(is_even) == "filter"
    function: Any = wrap_lambda(is_even)()
    assert function.execute(2)
    with pytest.raises(InterfaceError, match="needs 2 arguments"):
        detect_lambda_type(lambda a, b: a)
    unknown: Any = "window"
    with pytest.raises(InterfaceError, match="one of map"):
        wrap_lambda(is_even, unknown)


def test_a_custom_logger_writes_to_its_file_alone(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines on stdout would mix with the user's own output."""
    log = CustomLogger([("logs/a.log", "WARNING")], "jobs", tmp_path)
    log.info("no")
    log.warning("disk %d%% full", 90)
    log.close()

    text = (tmp_path / "logs" / "a.log").read_text()
    assert "disk 90% full" in text
    assert "no" not in text.split()
    assert capsys.readouterr() == ("", "")


def test_everything_public_is_importable_by_its_name() -> None:
    """A lazy export with a wrong home shows only when somebody asks for it."""
    for name in sage_kernel_api.__all__:
        assert getattr(sage_kernel_api, name) is not None
    assert set(sage_kernel_api.__all__) <= set(dir(sage_kernel_api))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        getattr(sage_kernel_api, "Nothing")  # noqa: B009 - type checkers refuse the plain form


def test_functions_can_be_copied_and_pickled() -> None:
    """Handles must not answer for special methods."""
    function = Counter()
    function.connection = 1

    assert copy.deepcopy(function).count == pickle.loads(pickle.dumps(function)).count == 0


class _FakeContext:
    logger = None
