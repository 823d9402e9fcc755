"""The surroundings that a kernel gives to functions, operators and services."""

from sage_kernel_api.context.execution_context import ExecutionContext, RunnableFactory
from sage_kernel_api.context.runtime_context import ContextConfig, RuntimeContext, ServiceClient
from sage_kernel_api.context.service_context import ServiceContext

__all__ = [
    "ContextConfig",
    "ExecutionContext",
    "RunnableFactory",
    "RuntimeContext",
    "ServiceClient",
    "ServiceContext",
]
