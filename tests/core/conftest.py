"""Environments on the smallest kernel that can run a pipeline: one thread, one queue, no speed.

For tests of the core alone, so that they judge operators and environments and no real kernel.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, cast

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.communication import key_group, owner_of
from sage_kernel_api.context import ContextConfig, ExecutionContext, RuntimeContext
from sage_kernel_api.errors import (
    ConfigurationError,
    JobNotFoundError,
    JobStateError,
    KernelClosedError,
    ServiceNotFoundError,
    ServiceStateError,
    StepError,
)
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.lifecycle import (
    InputConfig,
    PipelineConfig,
    ServiceConfig,
    TransformationConfig,
)
from sage_kernel_api.values import (
    DEAD_LETTER_OUTPUT,
    NONE_KEY,
    Capability,
    DeadLetter,
    JobId,
    JobState,
)

_CAPABILITIES = frozenset(
    {
        Capability.PARALLELISM,
        Capability.KEYED_ROUTING,
        Capability.BROADCAST,
        Capability.FEEDBACK,
        Capability.SERVICES,
        Capability.SIDE_OUTPUTS,
        Capability.ERROR_POLICIES,
    }
)


NewKernel = Callable[..., KernelFacade]
NewEnvironment = Callable[..., LocalEnvironment]


@pytest.fixture(scope="session")
def new_kernel() -> NewKernel:
    """Make a kernel that runs jobs inside ``submit_job``; takes the capabilities it shall lack."""

    def make(*lacking: Capability) -> KernelFacade:
        return cast("KernelFacade", SequentialKernel(set(lacking)))

    return make


@pytest.fixture(scope="session")
def new_env(new_kernel: NewKernel) -> NewEnvironment:
    """Make an environment on a kernel of its own."""

    def make(*lacking: Capability) -> LocalEnvironment:
        return LocalEnvironment("test", kernel=new_kernel(*lacking))

    return make


@pytest.fixture(params=["sequential", "mock", "default"])
def env(request: pytest.FixtureRequest, new_env: NewEnvironment) -> Iterator[LocalEnvironment]:
    """Return an environment on the smallest kernel, and on each built-in one."""
    is_built_in = request.param != "sequential"
    with LocalEnvironment("test", kernel=request.param) if is_built_in else new_env() as made:
        yield made


class SequentialKernel:
    name = "sequential"
    api_version = "1.0"

    def __init__(self, lacking: set[Capability]) -> None:
        self.capabilities = _CAPABILITIES - lacking
        self.job_manager = self
        self.logger_factory = self
        self.service_manager = self
        self.is_shut_down = False
        self.levels: list[str] = []
        self.jobs: dict[str, dict[str, Any]] = {}

    def get_logger(self, name: str) -> logging.Logger:
        return logging.getLogger(name)

    def set_level(self, level: str) -> None:
        self.levels.append(level)

    def shutdown(self) -> None:
        self.is_shut_down = True

    def create_execution_context(self, config: ContextConfig) -> ExecutionContext:
        raise ConfigurationError("this kernel makes contexts for jobs only")

    def create_runtime_context(self, config: ContextConfig) -> RuntimeContext:
        raise ConfigurationError("this kernel makes contexts for jobs only")

    def register_service_factory(self, name: str, factory_config: ServiceConfig) -> None:
        raise ServiceStateError("this kernel has the services of jobs only")

    def register_service(
        self, name: str, service_class: type[Any], *args: Any, **kwargs: Any
    ) -> None:
        raise ServiceStateError("this kernel has the services of jobs only")

    def start_service(self, name: str) -> bool:
        raise ServiceNotFoundError(name)

    def stop_service(self, name: str) -> bool:
        raise ServiceNotFoundError(name)

    def call_service(self, name: str, method: str, *args: Any, **kwargs: Any) -> Any:
        raise ServiceNotFoundError(name)

    def submit_job(self, pipeline_config: PipelineConfig) -> JobId:
        config = pipeline_config
        if self.is_shut_down:
            raise KernelClosedError("closed")
        job_id = JobId(f"job-{len(self.jobs) + 1}")
        status: dict[str, Any] = {
            "job_id": job_id,
            "name": config["name"],
            "state": JobState.RUNNING,
            "steps": {},
            "edges": [],
        }
        self.jobs[job_id] = status
        try:
            _Run(config).run()
            status["state"] = JobState.FINISHED
        except Exception as error:  # noqa: BLE001 - told through the status
            status["state"], status["exception"] = JobState.FAILED, error
        return job_id

    def get_job_status(self, job_id: str) -> dict[str, Any]:
        if job_id not in self.jobs:
            raise JobNotFoundError(f"no job {job_id!r}")
        return self.jobs[job_id]

    def wait_job(self, job_id: str, timeout_s: float | None = None) -> dict[str, Any]:
        return self.get_job_status(job_id)

    def cancel_job(self, job_id: str) -> bool:
        self.get_job_status(job_id)
        return False

    def list_jobs(self) -> list[dict[str, Any]]:
        return list(self.jobs.values())

    def delete_job(self, job_id: str) -> bool:
        if not self.get_job_status(job_id)["state"].is_terminal:
            raise JobStateError("it runs")
        del self.jobs[job_id]
        return True


class _Run:
    def __init__(self, config: PipelineConfig) -> None:
        self.config = config
        self.queue: deque[tuple[str, int, Any, int, Any]] = deque()
        self.turns: dict[tuple[str, str, int], int] = {}
        self.instances: dict[tuple[str, int], Any] = {}
        self.contexts: dict[tuple[str, int], _Context] = {}
        self.steps = {step["id"]: step for step in config["transformations"]}
        self.services = {
            each["name"]: each["factory"](*each.get("args", ()), **each.get("kwargs", {}))
            for each in config["services"]
        }

    def run(self) -> None:
        opened = []
        try:
            for step in reversed(self.config["transformations"]):
                for index in range(step["parallelism"]):
                    key = (step["id"], index)
                    self.contexts[key] = context = _Context(self, step, index)
                    self.instances[key] = step["operator"](cast(Any, context))
                    opened.append(self.instances[key])
                    self.instances[key].open()
            self._pump()
            for step in self.config["transformations"]:
                for index in range(step["parallelism"]):
                    self.instances[step["id"], index].finish()
                self._drain()
        finally:
            for instance in opened:
                instance.close()

    def _pump(self) -> None:
        live = [key for key in self.instances if self.steps[key[0]]["kind"] == "source"]
        while live:
            for key in list(live):
                try:
                    answer = self.instances[key].poll(3)
                except Exception as error:
                    raise _named(error, key[0], None) from error
                for record in answer.records:
                    self.contexts[key].send_data(record)
                self._drain()
                if answer.status == "ended":
                    live.remove(key)

    def _drain(self) -> None:
        while self.queue:
            step_id, index, data, input_index, key = self.queue.popleft()
            context = self.contexts[step_id, index]
            context.key = key
            try:
                self.instances[step_id, index].process(data, input_index)
            except Exception as error:  # noqa: BLE001 - the step's policy decides
                self._on_error(step_id, context, data, error)
            context.key = None

    def _on_error(self, step_id: str, context: _Context, data: Any, error: Exception) -> None:
        on_error = self.steps[step_id].get("policies", {}).get("on_error", "fail")
        if on_error == "dead_letter":
            context.send_data(DeadLetter(data, step_id, error), DEAD_LETTER_OUTPUT)
        elif on_error != "skip":
            raise _named(error, step_id, data) from error

    def targets(
        self, upstream: str, index: int, edge: InputConfig, step_id: str, key: Any
    ) -> list[int]:
        count = self.steps[step_id]["parallelism"]
        if edge["partitioning"] == "forward":
            return [index]
        if edge["partitioning"] == "broadcast":
            return list(range(count))
        if edge["partitioning"] == "hash":
            return [owner_of(key_group(key), count)]
        turn = self.turns.get((upstream, step_id, index), 0)
        self.turns[upstream, step_id, index] = turn + 1
        return [turn % count]


class _Context:
    def __init__(self, run: _Run, step: TransformationConfig, index: int) -> None:
        self._run = run
        self._step = step
        self.name = step["id"]
        self.env_name = run.config["name"]
        self.logger = logging.getLogger(self.name)
        self.parallel_index = index
        self.parallelism = step["parallelism"]
        self.state_manager = _State()
        self.services = _Services(run.services)
        self.key: Any = None

    def get_parallel_index(self) -> int:
        return self.parallel_index

    def get_parallelism(self) -> int:
        return self.parallelism

    def get_key(self) -> Any:
        return self.key

    def get_config(self, key: str, default: Any = None) -> Any:
        return self._run.config["config"].get(key, default)

    def send_data(self, data: Any, target: str | None = None, partition_key: Any = None) -> bool:
        key = self.key if partition_key is None else partition_key
        key = None if key is NONE_KEY else key
        was_sent = False
        for step in self._run.config["transformations"]:
            for edge in step["inputs"]:
                if edge["upstream"] == self.name and edge.get("output") == target:
                    was_sent = True
                    indexes = self._run.targets(
                        self.name, self.parallel_index, edge, step["id"], key
                    )
                    for index in indexes:
                        self._run.queue.append((step["id"], index, data, edge["index"], key))
        return was_sent


class _State:
    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def save_state(self, key: str, state: Any) -> bool:
        self.values[key] = state
        return True

    def load_state(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)


class _Services:
    def __init__(self, services: Mapping[str, Any]) -> None:
        self._services = services

    def methods(self, service_name: str) -> frozenset[str]:
        if service_name not in self._services:
            raise ServiceNotFoundError(f"no service {service_name!r}")
        names = dir(self._services[service_name])
        return frozenset(name for name in names if not name.startswith("_"))

    def call(
        self,
        service_name: str,
        method: str,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        answer: Future[Any] = Future()
        try:
            if method not in self.methods(service_name):
                raise ServiceNotFoundError(f"no method {method!r}")
            answer.set_result(
                getattr(self._services[service_name], method)(*args, **(kwargs or {}))
            )
        except Exception as error:  # noqa: BLE001 - told through the future
            answer.set_exception(error)
        return answer


def _named(error: Exception, step: str, record: Any) -> StepError:
    named = StepError(f"step {step!r} failed on {record!r}: {error}")
    named.step = step
    return named
