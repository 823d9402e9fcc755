"""From a pipeline to a job that is ready to start.

Layer: jobs. The one place where the engine meets threads, processes, clocks and services.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sage_kernel_api.context import ServiceClient
from sage_kernel_api.errors import PipelineError, ValueEncodingError
from sage_kernel_api.lifecycle import CheckpointConfig, PipelineConfig, ServiceConfig
from sage_kernel_api.logging.standard_loggers import StandardLoggerFactory
from sage_kernel_api.storage import CheckpointStatus
from sage_kernel_api.values import JobId, JobStatus
from sage_kernel_default.checkpoint import CheckpointStore
from sage_kernel_default.engine import Surroundings
from sage_kernel_default.graph import PhysicalGraph, TaskSpec
from sage_kernel_default.jobs.attempt import Attempt, AttemptParts
from sage_kernel_default.jobs.durability import Durability
from sage_kernel_default.jobs.job import Job, JobParts
from sage_kernel_default.jobs.restarts import restarts_of
from sage_kernel_default.lanes import (
    KERNEL,
    Assignment,
    Driver,
    Durable,
    Fleet,
    LocalTask,
    LoopReporter,
    Pacing,
    RemoteTask,
    Site,
    TaskView,
    assign,
    lay_out,
    pack_layout,
    spread_loops,
)
from sage_kernel_default.options import DefaultOptions
from sage_kernel_default.plan import LogicalPlan, Step
from sage_kernel_default.processes import Encoded, encode
from sage_kernel_default.services import RegistryClient, ServiceRecipe, ServiceRegistry
from sage_kernel_default.state import MemoryStateManager

__all__ = ["JobBuilder"]


@dataclass(frozen=True, slots=True, eq=False)
class JobBuilder:
    """Builds jobs.

    Attributes:
        options: Of the kernel.
        driver: Of the kernel.
        loggers: Of the kernel.
        make_services: Makes the empty service registry of a job with that name.
        on_state: Told of every change of a job's state, with what looks at the job.
        make_store: Makes the unopened store of a job with checkpoints.
        on_checkpoint: Told of every complete checkpoint.
    """

    options: DefaultOptions
    driver: Driver
    loggers: StandardLoggerFactory
    make_services: Callable[[str], ServiceRegistry]
    on_state: Callable[[Callable[[], JobStatus]], None]
    make_store: Callable[[CheckpointConfig], CheckpointStore]
    on_checkpoint: Callable[[CheckpointStatus], None]

    def lay_out(self, job_id: JobId, config: PipelineConfig) -> tuple[PhysicalGraph, Assignment]:
        """Plan the tasks of a checked pipeline and their lanes; nothing is made."""
        plan = LogicalPlan.from_config(config, spread=self.options.lanes == "process")
        graph = PhysicalGraph.from_plan(plan, job_id)
        return graph, assign(graph, self._processes)

    def build(self, job_id: JobId, config: PipelineConfig, offered: list[ServiceConfig]) -> Job:
        """Lay out a checked pipeline; no user code runs.

        Raises:
            PipelineError: A step or service that belongs in another process cannot travel.
            CheckpointError: The job's state directory cannot be used; nothing in it was changed.
        """
        graph, _ = self.lay_out(job_id, config)
        services = self.make_services(config["name"])
        for service in (*offered, *config["services"]):
            services.register(service["name"], _recipe(service))
        job = Job(job_id, config["name"], self.options.stop_timeout, self.on_state, self.driver)
        durability = self._durability(job_id, config, graph)
        client = RegistryClient(services)
        parts = JobParts(
            graph,
            services,
            lambda attempt: self._lay_out(job_id, graph, attempt, client, durability),
            restarts_of(config.get("restart")),
            durability,
        )
        try:
            job.prepare(parts)
        except BaseException:
            if durability is not None:
                durability.close()
            raise
        return job

    def _durability(
        self, job_id: JobId, config: PipelineConfig, graph: PhysicalGraph
    ) -> Durability | None:
        if "checkpointing" not in config:
            return None
        given = config["checkpointing"]
        begin_with = config.get("restore_from")
        return Durability(
            job_id,
            config["name"],
            given,
            self.make_store(given),
            graph,
            self.driver,
            self.on_checkpoint,
            None if begin_with is None else Path(begin_with),
            config.get("allow_dropped_state", ()),
        )

    def _lay_out(
        self,
        job_id: JobId,
        graph: PhysicalGraph,
        attempt: Attempt,
        client: ServiceClient,
        durability: Durability | None,
    ) -> AttemptParts:
        assignment = assign(graph, self._processes)
        remote = {
            spec: RemoteTask(spec, lane)
            for spec, lane in assignment.lane_of.items()
            if lane != KERNEL
        }
        beginning, worker = (None, None) if durability is None else durability.begin(attempt)
        fleet = None
        if remote:
            pickle_key = None if durability is None else durability.pickle_key
            layout = pack_layout(
                graph.plan, job_id, self._processes, self._pacing, beginning, pickle_key
            )
            fleet = self._fleet(job_id, attempt, assignment, remote, client, layout)
            fleet.desk = worker
        durable = None if worker is None or beginning is None else Durable(worker, beginning)
        site = self._site(graph, assignment, attempt, client, fleet, durable)
        local = {
            task.assembly.spec: LocalTask(
                task, graph.plan.edges, site.lanes[task.assembly.spec], self.driver.lane_name
            )
            for task in site.tasks
        }
        tasks: list[TaskView] = [remote.get(spec) or local[spec] for spec in graph.tasks]
        lanes = list(site.lanes.values())
        if fleet is None:
            return AttemptParts(tasks, [*lanes], None, worker)
        fleet.connect(site, spread_loops(graph, assignment))
        return AttemptParts(tasks, [fleet, *lanes], fleet, worker)

    @property
    def _processes(self) -> int:
        return self.options.processes or os.cpu_count() or 1

    @property
    def _pacing(self) -> Pacing:
        options = self.options
        return Pacing(options.frame_size, options.flush_ms / 1000, options.channel_capacity)

    def _fleet(
        self,
        job_id: JobId,
        attempt: Attempt,
        assignment: Assignment,
        remote: dict[TaskSpec, RemoteTask],
        client: ServiceClient,
        layout: Encoded,
    ) -> Fleet:
        lanes = range(1, assignment.lanes + 1)
        return Fleet(
            job_id,
            [[remote[spec] for spec in assignment.tasks_of(lane)] for lane in lanes],
            attempt,
            client,
            layout,
            attempt.lane_ended,
        )

    def _site(
        self,
        graph: PhysicalGraph,
        assignment: Assignment,
        attempt: Attempt,
        client: ServiceClient,
        fleet: Fleet | None,
        durable: Durable | None,
    ) -> Site:
        def surroundings(step: Step, index: int) -> Surroundings:
            return Surroundings(
                env_name=graph.plan.name,
                config=graph.plan.config,
                logger=self.loggers.get_logger(f"{graph.plan.name}.{step.id}"),
                state_manager=MemoryStateManager(),
                services=client,
                should_stop=lambda: attempt.is_stopping,
                is_durable=durable is not None,
            )

        def lanes() -> Fleet:
            assert fleet is not None, "only tasks in other processes are asked of the lanes"
            return fleet

        return lay_out(
            graph,
            assignment,
            KERNEL,
            driver=self.driver,
            supervisor=attempt,
            pacing=self._pacing,
            surroundings=surroundings,
            ended=attempt.lane_ended,
            send_to=lambda process: lanes().send_to(process),
            loops=LoopReporter(
                lambda loop, sums: lanes().loop_told(loop, KERNEL, sums),
                lambda loop, wave, sums: lanes().loop_answered(loop, KERNEL, wave, sums),
            ),
            durable=durable,
        )


def _recipe(service: ServiceConfig) -> ServiceRecipe:
    recipe = ServiceRecipe.of(service)
    if recipe.placement == "process":
        try:
            encode((recipe.make, recipe.args, dict(recipe.kwargs)))
        except ValueEncodingError as error:
            raise PipelineError(
                f"Service {service['name']!r} cannot run in a process: {error.__cause__}. "
                'Give it arguments that can be pickled, or leave out placement="process".'
            ) from error
    return recipe
