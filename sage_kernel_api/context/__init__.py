"""The surroundings that a kernel gives to functions, operators and services."""

from sage_kernel_api.context.event_time_context import SupportsEventTime
from sage_kernel_api.context.execution_context import ExecutionContext, RunnableFactory
from sage_kernel_api.context.keyed_context import SupportsKeyedState
from sage_kernel_api.context.plain_context import PlainContext, check_context_config
from sage_kernel_api.context.runtime_context import ContextConfig, RuntimeContext, ServiceClient
from sage_kernel_api.context.service_context import ServiceContext

__all__ = [
    "ContextConfig",
    "ExecutionContext",
    "PlainContext",
    "RunnableFactory",
    "RuntimeContext",
    "ServiceClient",
    "ServiceContext",
    "SupportsEventTime",
    "SupportsKeyedState",
    "check_context_config",
]
