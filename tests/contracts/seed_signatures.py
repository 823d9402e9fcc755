"""Every member of every class of the founding design, transcribed from it by hand.

One row per member: module, class, member, kind, and its parameters after ``self`` as a
signature in short: ``name`` (needed), ``name=`` (has a default), ``*args``, ``**kwargs``.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

__all__ = ["SEED", "SeedMember"]


class SeedMember(NamedTuple):
    module: str
    owner: str
    member: str
    kind: Literal["property", "method"]
    parameters: str = ""


_CONTEXT: Final = "sage_kernel_api.context"
_COMMUNICATION: Final = "sage_kernel_api.communication"
_LIFECYCLE: Final = "sage_kernel_api.lifecycle"
_STORAGE: Final = "sage_kernel_api.storage"
_FACADE: Final = "sage_kernel_api.kernel_facade"
_CORE: Final = "sage_kernel_api"

SEED: Final = (
    # 3.1 context
    SeedMember(f"{_CONTEXT}.runtime_context", "RuntimeContext", "name", "property"),
    SeedMember(f"{_CONTEXT}.runtime_context", "RuntimeContext", "logger", "property"),
    SeedMember(f"{_CONTEXT}.runtime_context", "RuntimeContext", "transport", "property"),
    SeedMember(f"{_CONTEXT}.runtime_context", "RuntimeContext", "state_manager", "property"),
    SeedMember(
        f"{_CONTEXT}.runtime_context",
        "RuntimeContext",
        "call_service",
        "method",
        "service_name, method, *args, **kwargs",
    ),
    SeedMember(
        f"{_CONTEXT}.runtime_context",
        "RuntimeContext",
        "call_service_async",
        "method",
        "service_name, method, *args, **kwargs",
    ),
    SeedMember(
        f"{_CONTEXT}.runtime_context", "RuntimeContext", "get_config", "method", "key, default="
    ),
    SeedMember(
        f"{_CONTEXT}.execution_context",
        "ExecutionContext",
        "send_data",
        "method",
        "data, target=, partition_key=",
    ),
    SeedMember(f"{_CONTEXT}.execution_context", "ExecutionContext", "get_parallel_index", "method"),
    SeedMember(f"{_CONTEXT}.execution_context", "ExecutionContext", "get_parallelism", "method"),
    SeedMember(f"{_CONTEXT}.execution_context", "ExecutionContext", "is_source", "method"),
    SeedMember(f"{_CONTEXT}.execution_context", "ExecutionContext", "should_stop", "method"),
    # 3.2 communication
    SeedMember(
        f"{_COMMUNICATION}.data_transport",
        "DataTransport",
        "send",
        "method",
        "data, target=, partition_key=, partition_strategy=",
    ),
    SeedMember(f"{_COMMUNICATION}.data_transport", "DataTransport", "broadcast", "method", "data"),
    SeedMember(
        f"{_COMMUNICATION}.data_transport",
        "DataTransport",
        "set_downstream_connections",
        "method",
        "connections",
    ),
    SeedMember(
        f"{_COMMUNICATION}.message_router", "MessageRouter", "route_by_key", "method", "data, key"
    ),
    SeedMember(
        f"{_COMMUNICATION}.message_router", "MessageRouter", "route_round_robin", "method", "data"
    ),
    SeedMember(
        f"{_COMMUNICATION}.message_router", "MessageRouter", "route_broadcast", "method", "data"
    ),
    # 3.3 lifecycle
    SeedMember(
        f"{_LIFECYCLE}.job_manager", "JobManager", "submit_job", "method", "pipeline_config"
    ),
    SeedMember(f"{_LIFECYCLE}.job_manager", "JobManager", "cancel_job", "method", "job_id"),
    SeedMember(f"{_LIFECYCLE}.job_manager", "JobManager", "get_job_status", "method", "job_id"),
    SeedMember(
        f"{_LIFECYCLE}.job_manager",
        "JobManager",
        "register_service_factory",
        "method",
        "name, factory_config",
    ),
    SeedMember(
        f"{_LIFECYCLE}.service_manager",
        "ServiceManager",
        "register_service",
        "method",
        "name, service_class, *args, **kwargs",
    ),
    SeedMember(
        f"{_LIFECYCLE}.service_manager", "ServiceManager", "start_service", "method", "name"
    ),
    SeedMember(f"{_LIFECYCLE}.service_manager", "ServiceManager", "stop_service", "method", "name"),
    SeedMember(
        f"{_LIFECYCLE}.service_manager",
        "ServiceManager",
        "call_service",
        "method",
        "name, method, *args, **kwargs",
    ),
    # 3.4 storage
    SeedMember(f"{_STORAGE}.state_manager", "StateManager", "save_state", "method", "key, state"),
    SeedMember(
        f"{_STORAGE}.state_manager", "StateManager", "load_state", "method", "key, default="
    ),
    SeedMember(f"{_STORAGE}.state_manager", "StateManager", "clear_state", "method", "key"),
    SeedMember(
        f"{_STORAGE}.state_manager", "StateManager", "create_checkpoint", "method", "checkpoint_id"
    ),
    SeedMember(
        f"{_STORAGE}.state_manager", "StateManager", "restore_checkpoint", "method", "checkpoint_id"
    ),
    # 3.5 facade
    SeedMember(_FACADE, "KernelFacade", "create_execution_context", "method", "config"),
    SeedMember(_FACADE, "KernelFacade", "create_runtime_context", "method", "config"),
    SeedMember(_FACADE, "KernelFacade", "job_manager", "property"),
    SeedMember(_FACADE, "KernelFacade", "service_manager", "property"),
    SeedMember(_FACADE, "KernelFacade", "logger_factory", "property"),
    SeedMember(_FACADE, "KernelFacade", "shutdown", "method"),
    # 4.1 to 4.3, the core API
    SeedMember(
        _CORE,
        "BaseOperator",
        "__init__",
        "method",
        "execution_context, function_class, *args, **kwargs",
    ),
    SeedMember(
        _CORE, "BaseOperator", "_create_function", "method", "function_class, *args, **kwargs"
    ),
    SeedMember(_CORE, "BaseOperator", "send_data", "method", "data, target=, partition_key="),
    SeedMember(_CORE, "BaseOperator", "save_state", "method"),
    SeedMember(_CORE, "BaseEnvironment", "__init__", "method", "name, config, kernel"),
    SeedMember(
        _CORE,
        "BaseEnvironment",
        "register_service",
        "method",
        "service_name, service_class, *args, **kwargs",
    ),
    SeedMember(_CORE, "BaseEnvironment", "submit", "method"),
    SeedMember(_CORE, "BaseEnvironment", "_build_pipeline_config", "method"),
    SeedMember(_CORE, "BaseFunction", "__init__", "method", "*args, **kwargs"),
    SeedMember(_CORE, "BaseFunction", "set_context", "method", "context"),
    SeedMember(_CORE, "BaseFunction", "logger", "property"),
    SeedMember(_CORE, "BaseFunction", "name", "property"),
    SeedMember(
        _CORE,
        "BaseFunction",
        "call_service",
        "method",
        "service_name, method, *args, **kwargs",
    ),
    SeedMember(
        _CORE,
        "BaseFunction",
        "call_service_async",
        "method",
        "service_name, method, *args, **kwargs",
    ),
    SeedMember(_CORE, "BaseFunction", "save_state", "method", "state"),
    SeedMember(_CORE, "BaseFunction", "load_state", "method", "default="),
)
