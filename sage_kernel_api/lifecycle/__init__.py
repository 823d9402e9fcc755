"""Jobs, tasks and services: what starts, runs and ends."""

from sage_kernel_api.lifecycle.job_manager import JobManager, PausableJobManager
from sage_kernel_api.lifecycle.pipeline_check import check_pipeline_config
from sage_kernel_api.lifecycle.pipeline_config import (
    PIPELINE_VERSION,
    InputConfig,
    OnError,
    PipelineConfig,
    ServiceConfig,
    StepPolicies,
    TransformationConfig,
)
from sage_kernel_api.lifecycle.service_manager import ServiceManager
from sage_kernel_api.lifecycle.task_manager import TaskManager, TaskStatus

__all__ = [
    "PIPELINE_VERSION",
    "InputConfig",
    "JobManager",
    "OnError",
    "PausableJobManager",
    "PipelineConfig",
    "ServiceConfig",
    "ServiceManager",
    "StepPolicies",
    "TaskManager",
    "TaskStatus",
    "TransformationConfig",
    "check_pipeline_config",
]
