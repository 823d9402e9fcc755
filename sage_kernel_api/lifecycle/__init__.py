"""Jobs, tasks and services: what starts, runs and ends."""

from sage_kernel_api.lifecycle.all_done import do_all
from sage_kernel_api.lifecycle.job_manager import JobManager, PausableJobManager
from sage_kernel_api.lifecycle.pipeline_check import check_pipeline_config
from sage_kernel_api.lifecycle.pipeline_config import (
    PIPELINE_VERSION,
    CheckpointConfig,
    InputConfig,
    OnError,
    PipelineConfig,
    Placement,
    RestartConfig,
    ServiceConfig,
    StepPolicies,
    TransformationConfig,
)
from sage_kernel_api.lifecycle.pipeline_needs import check_needs, pipeline_needs
from sage_kernel_api.lifecycle.refusals import NoServices, NoState
from sage_kernel_api.lifecycle.service_manager import ServiceManager
from sage_kernel_api.lifecycle.service_placement import service_placement
from sage_kernel_api.lifecycle.service_workers import service_workers
from sage_kernel_api.lifecycle.step_failure import (
    NO_RECORD,
    blame_record,
    blamed_record,
    shorten_repr,
    step_failure,
)
from sage_kernel_api.lifecycle.task_manager import TaskManager, TaskStatus

__all__ = [
    "PIPELINE_VERSION",
    "CheckpointConfig",
    "InputConfig",
    "JobManager",
    "NoServices",
    "NoState",
    "OnError",
    "PausableJobManager",
    "PipelineConfig",
    "Placement",
    "RestartConfig",
    "ServiceConfig",
    "ServiceManager",
    "StepPolicies",
    "TaskManager",
    "TaskStatus",
    "TransformationConfig",
    "NO_RECORD",
    "blame_record",
    "blamed_record",
    "check_needs",
    "do_all",
    "check_pipeline_config",
    "pipeline_needs",
    "service_placement",
    "service_workers",
    "shorten_repr",
    "step_failure",
]
