"""Write new projects: a kernel as a plugin, or a pipeline with its tests.

Layer: scaffolding. Knows text and files; knows nothing of kernels.
"""

from sage_kernel_api.scaffolding.naming import ProjectNames
from sage_kernel_api.scaffolding.project import write_kernel_project, write_pipeline_project

__all__ = ["ProjectNames", "write_kernel_project", "write_pipeline_project"]
