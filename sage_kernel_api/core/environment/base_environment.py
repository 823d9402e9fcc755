"""Where pipelines are described and from where they run.

Layer: core.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, cast, get_args

from typing_extensions import ParamSpec, TypeVar

from sage_kernel_api.core.arguments import check_mapping, check_name, check_timeout
from sage_kernel_api.core.environment.connector_steps import ConnectorSteps
from sage_kernel_api.core.environment.durable_settings import DurableSettings
from sage_kernel_api.core.environment.markers import CanPause
from sage_kernel_api.core.environment.running import Running, check_runnable
from sage_kernel_api.core.job_manager import JobManager, checkpointing, pausable
from sage_kernel_api.core.policies import ErrorPolicy, NoneResult, Policies, SourceError
from sage_kernel_api.core.transformation import BaseTransformation
from sage_kernel_api.errors import ConfigurationError, JobStateError, ServiceStateError
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.lifecycle import PipelineConfig, ServiceConfig, service_workers
from sage_kernel_api.logging import LogLevel
from sage_kernel_api.values import CheckpointId, JobId, JobStatus

if TYPE_CHECKING:
    from sage_kernel_api.plugins import KernelSpec

__all__ = ["BaseEnvironment"]

P = ParamSpec("P")
K_co = TypeVar("K_co", covariant=True, default=Any)


class BaseEnvironment(ConnectorSteps, DurableSettings, Generic[K_co]):
    """A pipeline being described, and its job once it is submitted.

    The type parameter is for type checkers: it tells what the kernel can do, where the kernel was
    named by one of the built-in names. Thread use: one thread describes; any thread may wait,
    cancel or look.

    Args:
        name: Names the job, in logs and status.
        config: Settings, read by functions through ``ctx.get_config``; the entry ``kernel`` may
            choose the kernel.
        kernel: A kernel object, a spec string, or None for the order of precedence of
            `resolve_kernel`. Asked for when first needed.

    Attributes:
        name: As given.
        config: As given.
        pipeline: The described steps, in the order of description.
        service_factories: The services by name.
        parallelism: Number of instances of steps that do not say otherwise.
        policies: Policies of steps that do not say otherwise.
        env_uuid: Id of this environment.
        env_base_dir: Where a program may keep files of this environment; not created.
        console_log_level: See `set_console_log_level`.
        logger: Its logger.

    Raises:
        ConfigurationError: *name* is no text, or *config* no mapping.
    """

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any] | None = None,
        kernel: KernelFacade | KernelSpec | str | None = None,
    ) -> None:
        check_name(name, "an environment")
        check_mapping(config, "config")
        self.name: str = name
        self.config: dict[str, Any] = dict(config or {})
        self.pipeline: list[BaseTransformation] = []
        self.service_factories: dict[str, ServiceConfig] = {}
        self.parallelism: int = 1
        self.policies: Policies = Policies()
        self.env_uuid: str = str(uuid.uuid4())
        self.env_base_dir: Path = Path(".sage") / "logs" / name
        self.console_log_level: LogLevel = "INFO"
        self._is_level_chosen = False
        self._names: set[str] = set()
        self._last_number: dict[str, int] = {}
        self.logger: logging.Logger = logging.getLogger(f"sage_kernel.{name}")
        self._kernel_choice = kernel
        self._kernel: KernelFacade | None = None
        self._running: Running | None = None

    # --- describing ------------------------------------------------------------------------

    def set_parallelism(self, parallelism: int) -> Self:
        """Set the number of instances of steps that do not say otherwise; returns itself."""
        self.parallelism = parallelism
        return self

    def set_policies(
        self,
        *,
        on_error: ErrorPolicy | None = None,
        none_result: NoneResult | None = None,
        source_error: SourceError | None = None,
    ) -> Self:
        """Set policies of steps that do not say otherwise; returns itself.

        Raises:
            ConfigurationError: A choice is unknown; nothing changed.
        """
        self.policies = Policies(on_error, none_result, source_error).over(self.policies)
        return self

    def register_service(
        self,
        service_name: str,
        service_class: Callable[P, object],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Give the job a service: an instance of *service_class*, made when the job starts.

        Args:
            service_name: What callers say.
            service_class: A class, or a callable that returns the service.
            args: Its positional arguments.
            kwargs: Its keyword arguments.

        Raises:
            ServiceStateError: The name is taken; the earlier service stays.
            ConfigurationError: The name is no text.
        """
        self._add_service(
            {
                "name": service_name,
                "factory": service_class,
                "args": args,
                "kwargs": kwargs,
                "workers": service_workers(service_class),
            }
        )

    def register_service_factory(
        self, service_name: str, factory: Callable[[], object], *, workers: int | None = None
    ) -> None:
        """Give the job a service: what *factory* returns when the job starts.

        Args:
            service_name: What callers say.
            factory: Makes the service.
            workers: Calls that run at once, at least 1; None for what the class says, else 1.

        Raises:
            ServiceStateError: The name is taken; the earlier service stays.
            ConfigurationError: *workers* is no whole number from 1, or the name no text; nothing
                was registered.
        """
        workers = service_workers(factory, workers)
        self._add_service({"name": service_name, "factory": factory, "workers": workers})

    def _add_service(self, service: ServiceConfig) -> None:
        name = service["name"]
        check_name(name, "a service")
        if name in self.service_factories:
            raise ServiceStateError(
                f"A service named {name!r} is registered already; choose another name."
            )
        self.service_factories[name] = service

    def set_console_log_level(self, level: str) -> None:
        """Set the least level of what is logged to the console.

        Raises:
            ConfigurationError: A `ValueError`: *level* is not DEBUG, INFO, WARNING or ERROR.
        """
        if level not in get_args(LogLevel):
            raise ConfigurationError(
                f"Log level {level!r} is unknown; it is one of {', '.join(get_args(LogLevel))}."
            )
        self.console_log_level = cast("LogLevel", level)
        self._is_level_chosen = True
        if self._kernel is not None:
            self._kernel.logger_factory.set_level(self.console_log_level)

    def add_transformation(self, step: BaseTransformation) -> BaseTransformation:
        """Add a described step to the pipeline."""
        self.pipeline.append(step)
        self._names.add(step.basename)
        return step

    def remove_transformation(self, step: BaseTransformation) -> None:
        """Take a described step out of the pipeline again."""
        self.pipeline.remove(step)
        self._names.discard(step.basename)

    def free_name(self, label: str) -> str:
        """Return *label*, or with a number after it, so that no step has that name yet."""
        if label not in self._names:
            return label
        number = self._last_number.get(label, 1) + 1
        while f"{label}-{number}" in self._names:
            number += 1
        self._last_number[label] = number
        return f"{label}-{number}"

    # --- running ---------------------------------------------------------------------------

    @property
    def kernel(self) -> KernelFacade:
        """The kernel: resolved at the first look, and again after `close`.

        Raises:
            KernelError: It cannot be resolved; see `resolve_kernel`.
        """
        if self._kernel is None:
            # Describing a pipeline must not pay for discovery.
            from sage_kernel_api.plugins import resolve_kernel

            self._kernel = resolve_kernel(self._kernel_choice, config=self.config)
            if self._is_level_chosen:
                self._kernel.logger_factory.set_level(self.console_log_level)
        return self._kernel

    @property
    def jobmanager(self) -> JobManager:
        """The jobs of the kernel."""
        return JobManager(self.kernel)

    def build_pipeline_config(self) -> PipelineConfig:
        """Return what `submit` would hand to the kernel.

        Raises:
            PipelineError: The pipeline is not valid; all problems are listed.
        """
        return check_runnable(self, None)

    # The founding draft's name, kept for those who read or override it there.
    _build_pipeline_config = build_pipeline_config

    def submit(
        self,
        autostop: bool = False,
        *,
        restore_from: str | PathLike[str] | None = None,
        allow_dropped_state: Iterable[str] = (),
    ) -> JobId:
        """Check the whole pipeline and start it as a job.

        Args:
            autostop: Wait until the bounded job ends, and let go of what this environment made.
            restore_from: A savepoint to begin with. A job that has checkpoints of its own goes on
                from those, so that a program may be started with this argument again and again.
            allow_dropped_state: ``uid`` (or id) of stored steps that the pipeline does not have any
                more, and whose state may be lost.

        Returns:
            The job's id; without *autostop* at once, where the kernel runs jobs in the background.

        Raises:
            PipelineError: The pipeline is not valid; all problems are listed. Nothing was started.
            CapabilityError: The kernel lacks something; nothing was started.
            JobStateError: The job of this environment still runs.
            CheckpointError: Stored state is damaged, in use, or does not fit the pipeline; nothing
                was started.
            JobFailedError: With *autostop*: the job failed; ``__cause__`` is the user's exception.
        """
        if self.is_running:
            raise JobStateError(f"The job of environment {self.name!r} still runs; wait or cancel.")
        self._begin_with(restore_from, allow_dropped_state)
        try:
            config = check_runnable(self, self.kernel)
            self._running = Running.start(self.kernel, config)
            if autostop:
                self.wait()
        finally:
            if autostop:
                self.close()
        assert self._running is not None
        return self._running.job_id

    def submit_async(self) -> JobId:
        """Same as ``submit()``."""
        return self.submit()

    def wait(self, timeout_s: float | None = None) -> JobStatus:
        """Wait until the job has ended.

        Ctrl-C while waiting cancels the job and is raised again.

        Returns:
            The last status of the finished job.

        Raises:
            JobStateError: Nothing was submitted.
            JobFailedError: The job failed; ``__cause__`` is the user's exception.
            JobCancelledError: It was cancelled.
            WaitTimeoutError: It had not ended after *timeout_s* seconds; it goes on.
            ConfigurationError: *timeout_s* is no number of seconds from 0.
        """
        return self._require_running().wait(check_timeout(timeout_s, "timeout_s"))

    def status(self) -> JobStatus:
        """Return a look at the last submitted job.

        Raises:
            JobStateError: Nothing was submitted.
        """
        return self._require_running().status()

    @property
    def is_running(self) -> bool:
        """True while the submitted job has not ended."""
        return self._running is not None and not self._running.has_ended()

    @property
    def uuid(self) -> JobId | None:
        """Id of the last submitted job; None before."""
        return None if self._running is None else self._running.job_id

    def cancel(self) -> bool:
        """End the job early. False if there is none, or it had ended before.

        Raises:
            LeakedTaskError: A function did not return in time; the job is cancelled all the same.
        """
        return self._running is not None and self._running.cancel()

    def stop(self, savepoint: str | PathLike[str] | None = None) -> None:
        """End the job, if there is one that runs; the kernel stays.

        Args:
            savepoint: Write a savepoint there first. No output of records after it is committed,
                so a job that begins with it goes on without a gap or a repetition.

        Raises:
            CapabilityError, JobStateError, CheckpointError: As `savepoint`; the job goes on.
        """
        if savepoint is not None:
            job_id = self._require_running().job_id
            checkpointing(self.kernel).create_savepoint(job_id, savepoint, is_last=True)
        self.cancel()

    def savepoint(self, path: str | PathLike[str]) -> CheckpointId:
        """Write a savepoint: all state of the running job, in one file that any kernel can read.

        Args:
            path: A file that does not exist yet.

        Raises:
            CapabilityError: The kernel takes no checkpoints.
            JobStateError: Nothing was submitted, or it is not running.
            CheckpointError: It could not be taken or written, or the job takes no checkpoints;
                nothing is left at *path*, and the job goes on.
        """
        return checkpointing(self.kernel).create_savepoint(self._require_running().job_id, path)

    def create_savepoint(self, path: str | PathLike[str]) -> CheckpointId:
        """Same as ``savepoint(path)``."""
        return self.savepoint(path)

    def pause(self: BaseEnvironment[CanPause]) -> bool:
        """Pause the job; nothing is lost. False if it was paused already.

        Raises:
            CapabilityError: The kernel cannot pause.
            JobStateError: Nothing was submitted, or it has ended.
        """
        manager = pausable(self.kernel)
        return manager.pause_job(self._require_running().job_id)

    def resume(self: BaseEnvironment[CanPause]) -> bool:
        """Go on with a paused job. False if it was not paused.

        Raises:
            CapabilityError: The kernel cannot pause.
            JobStateError: Nothing was submitted, or it has ended.
        """
        manager = pausable(self.kernel)
        return manager.resume_job(self._require_running().job_id)

    def checkpoint(self, timeout_s: float | None = None) -> CheckpointId:
        """Take a checkpoint now, and wait until it is durable.

        Args:
            timeout_s: Longest wait in seconds; None for that of the job's checkpoints.

        Raises:
            CapabilityError: The kernel takes no checkpoints.
            JobStateError: Nothing was submitted, or it is not running.
            CheckpointError: It failed, took too long, or the job takes no checkpoints; the one
                before it stays.
        """
        timeout_s = check_timeout(timeout_s, "timeout_s")
        job_id = self._require_running().job_id
        return checkpointing(self.kernel).trigger_checkpoint(job_id, timeout_s=timeout_s)

    def close(self) -> None:
        """End the job and shut down the kernel, if this environment made it. Idempotent.

        The status stays readable, and the pipeline can be submitted again.
        """
        try:
            self.cancel()
        finally:
            kernel, self._kernel = self._kernel, None
            if kernel is not None and self._running is not None:
                self._running.remember_end()
            if kernel is not None and kernel is not self._kernel_choice:
                kernel.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} with {len(self.pipeline)} steps>"

    def _require_running(self) -> Running:
        if self._running is None:
            raise JobStateError(f"Environment {self.name!r} has no job yet; call submit() first.")
        return self._running
