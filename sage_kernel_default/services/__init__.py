"""Named services beside jobs: hosts with worker threads, deadlines, circles found."""

from sage_kernel_default.services.client import RegistryClient
from sage_kernel_default.services.host import ServiceHost
from sage_kernel_default.services.inline import InlineHost
from sage_kernel_default.services.manager import LocalServiceManager
from sage_kernel_default.services.registry import ServiceRecipe, ServiceRegistry

__all__ = [
    "InlineHost",
    "LocalServiceManager",
    "RegistryClient",
    "ServiceHost",
    "ServiceRecipe",
    "ServiceRegistry",
]
