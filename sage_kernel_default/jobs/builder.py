"""From a pipeline to a job that is ready to start.

Layer: jobs. The one place where the engine meets threads, processes, clocks and services.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from sage_kernel_api.context import ServiceClient
from sage_kernel_api.errors import PipelineError, ValueEncodingError
from sage_kernel_api.lifecycle import PipelineConfig, ServiceConfig
from sage_kernel_api.values import JobId, JobStatus
from sage_kernel_default.engine import Surroundings
from sage_kernel_default.graph import PhysicalGraph, TaskSpec
from sage_kernel_default.jobs.job import Job, JobParts
from sage_kernel_default.lanes import (
    KERNEL,
    Assignment,
    Driver,
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
from sage_kernel_default.loggers import StandardLoggerFactory
from sage_kernel_default.options import DefaultOptions
from sage_kernel_default.plan import LogicalPlan, Step
from sage_kernel_default.processes import encode
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
        on_state: Told of every change of a job's state.
    """

    options: DefaultOptions
    driver: Driver
    loggers: StandardLoggerFactory
    make_services: Callable[[str], ServiceRegistry]
    on_state: Callable[[JobStatus], None]

    def lay_out(self, job_id: JobId, config: PipelineConfig) -> tuple[PhysicalGraph, Assignment]:
        """Plan the tasks of a checked pipeline and their lanes; nothing is made."""
        plan = LogicalPlan.from_config(config, spread=self.options.lanes == "process")
        graph = PhysicalGraph.from_plan(plan, job_id)
        return graph, assign(graph, self._processes)

    def build(self, job_id: JobId, config: PipelineConfig, offered: list[ServiceConfig]) -> Job:
        """Lay out a checked pipeline; no user code runs.

        Raises:
            PipelineError: A step or service that belongs in another process cannot travel.
        """
        graph, assignment = self.lay_out(job_id, config)
        plan = graph.plan
        services = self.make_services(config["name"])
        for service in (*offered, *config["services"]):
            services.register(service["name"], _recipe(service))
        client = RegistryClient(services)
        job = Job(job_id, config["name"], self.options.stop_timeout, self.on_state, self.driver)
        remote = {
            spec: RemoteTask(spec, lane)
            for spec, lane in assignment.lane_of.items()
            if lane != KERNEL
        }
        fleet = self._fleet(plan, job, assignment, remote, client) if remote else None
        site = self._site(graph, assignment, job, client, fleet)
        local = {
            task.assembly.spec: LocalTask(
                task, plan.edges, site.lanes[task.assembly.spec], self.driver.lane_name
            )
            for task in site.tasks
        }
        tasks: list[TaskView] = [remote.get(spec) or local[spec] for spec in graph.tasks]
        lanes = list(site.lanes.values())
        if fleet is None:
            job.prepare(JobParts(graph, tasks, [*lanes], services))
        else:
            fleet.connect(site, spread_loops(graph, assignment))
            job.prepare(JobParts(graph, tasks, [fleet, *lanes], services, fleet))
        return job

    @property
    def _processes(self) -> int:
        return self.options.processes or os.cpu_count() or 1

    @property
    def _pacing(self) -> Pacing:
        options = self.options
        return Pacing(options.frame_size, options.flush_ms / 1000, options.channel_capacity)

    def _fleet(
        self,
        plan: LogicalPlan,
        job: Job,
        assignment: Assignment,
        remote: dict[TaskSpec, RemoteTask],
        client: ServiceClient,
    ) -> Fleet:
        lanes = range(1, assignment.lanes + 1)
        return Fleet(
            job.id,
            [[remote[spec] for spec in assignment.tasks_of(lane)] for lane in lanes],
            job,
            client,
            pack_layout(plan, job.id, self._processes, self._pacing),
            job.lane_ended,
        )

    def _site(
        self,
        graph: PhysicalGraph,
        assignment: Assignment,
        job: Job,
        client: ServiceClient,
        fleet: Fleet | None,
    ) -> Site:
        def surroundings(step: Step, index: int) -> Surroundings:
            return Surroundings(
                env_name=graph.plan.name,
                config=graph.plan.config,
                logger=self.loggers.get_logger(f"{graph.plan.name}.{step.id}"),
                state_manager=MemoryStateManager(),
                services=client,
                should_stop=lambda: job.is_stopping,
            )

        def lanes() -> Fleet:
            assert fleet is not None, "only tasks in other processes are asked of the lanes"
            return fleet

        return lay_out(
            graph,
            assignment,
            KERNEL,
            driver=self.driver,
            supervisor=job,
            pacing=self._pacing,
            surroundings=surroundings,
            ended=job.lane_ended,
            send_to=lambda process: lanes().send_to(process),
            loops=LoopReporter(
                lambda loop, sums: lanes().loop_told(loop, KERNEL, sums),
                lambda loop, wave, sums: lanes().loop_answered(loop, KERNEL, wave, sums),
            ),
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
