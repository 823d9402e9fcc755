"""Environments: where pipelines are described and from where they run."""

from sage_kernel_api.core.environment.base_environment import BaseEnvironment
from sage_kernel_api.core.environment.local_environment import LocalEnvironment
from sage_kernel_api.core.environment.markers import CanPause, DefaultKernel, MockKernel

__all__ = ["BaseEnvironment", "CanPause", "DefaultKernel", "LocalEnvironment", "MockKernel"]
