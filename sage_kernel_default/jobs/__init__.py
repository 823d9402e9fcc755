"""Jobs: their states, their lanes, their end."""

from sage_kernel_default.jobs.manager import LocalJobManager
from sage_kernel_default.jobs.tasks import LocalTaskManager

__all__ = ["LocalJobManager", "LocalTaskManager"]
