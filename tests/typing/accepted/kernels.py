"""Kernels by name, by spec and as objects; typed services."""

from concurrent.futures import Future
from typing import Any, assert_type

from shared import Cache, words

from sage_kernel_api import (
    DataStream,
    JobId,
    JobStatus,
    KernelFacade,
    LocalEnvironment,
    MapFunction,
    resolve_kernel,
)


class Lookup(MapFunction[str, int]):
    def execute(self, data: str) -> int:
        cached = self.service(Cache, "cache").get(data)
        assert_type(cached, int)
        return cached


def resolved_kernel() -> None:
    assert_type(resolve_kernel("mock"), KernelFacade)


def environment_by_another_name() -> None:
    env = LocalEnvironment("x", kernel="ray://head:6379")
    assert_type(env, LocalEnvironment[Any])
    env.pause()


def pause_on_the_default_kernel() -> None:
    env = LocalEnvironment("x", kernel="default")
    assert_type(env.pause(), bool)


def job_id_and_status() -> None:
    env = LocalEnvironment("x", kernel="default")
    assert_type(env.submit(), JobId)
    assert_type(env.wait(), JobStatus)


def typed_service() -> None:
    assert_type(words.map(Lookup), DataStream[int])


def service_future() -> None:
    assert_type(Lookup().call_service_async("cache", "get", "k"), Future[Any])


def helper_that_takes_any_environment() -> None:
    def build(env: LocalEnvironment) -> DataStream[int]:
        return env.from_collection([1])

    assert_type(build(LocalEnvironment("x", kernel="mock")), DataStream[int])
