"""SAGE Kernel: typed streaming pipelines on kernels that are plugins.

Everything that programs need is importable from here, and loaded when it is first asked for:
importing this package imports no kernel and next to nothing else. All exceptions are in
`sage_kernel_api.errors`.

Example:
    >>> from sage_kernel_api import LocalEnvironment
    >>> with LocalEnvironment("greet", kernel="mock") as env:
    ...     env.from_collection(["ada", "alan"]).map(str.title).execute_and_collect()
    ['Ada', 'Alan']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sage_kernel_api import errors
    from sage_kernel_api.context import ExecutionContext, RuntimeContext, ServiceContext
    from sage_kernel_api.core.connectors.bad_records import BadRecord
    from sage_kernel_api.core.custom_logger import CustomLogger
    from sage_kernel_api.core.environment import BaseEnvironment, LocalEnvironment
    from sage_kernel_api.core.event_time import Timer, TimerService
    from sage_kernel_api.core.explain import DescribedGraph, describe, render
    from sage_kernel_api.core.explain_physical import describe_physical, render_physical
    from sage_kernel_api.core.functions import (
        AggregateFunction,
        AsyncMapFunction,
        BaseCoMapFunction,
        BaseFunction,
        BaseJoinFunction,
        BaseService,
        BatchFunction,
        BlockSourceFunction,
        BroadcastProcessFunction,
        BroadcastState,
        Collector,
        FieldKeyByFunction,
        FileBatchIteratorFunction,
        FileSink,
        FileSource,
        FilterFunction,
        FlatMapFunction,
        GeneratorBatchIteratorFunction,
        IterableBatchIteratorFunction,
        KeyByFunction,
        ListState,
        MapFunction,
        MapState,
        MemWriteSink,
        OutputTag,
        PrintSink,
        ProcessFunction,
        ProcessOutput,
        RangeBatchIteratorFunction,
        ReduceFunction,
        ReducingState,
        SimpleBatchIteratorFunction,
        SinkFunction,
        SourceFunction,
        TerminalSink,
        TransactionalSinkFunction,
        ValueState,
        WindowFunction,
        detect_lambda_type,
        wrap_lambda,
    )
    from sage_kernel_api.core.job_manager import JobManager
    from sage_kernel_api.core.operators import BaseOperator, OperatorFactory
    from sage_kernel_api.core.operators.async_map import RateLimit
    from sage_kernel_api.core.policies import ErrorPolicy, Policies, retry
    from sage_kernel_api.core.restart_strategies import (
        ExponentialDelay,
        FailureRate,
        FixedDelay,
        NoRestart,
    )
    from sage_kernel_api.core.streams import (
        BroadcastConnectedStreams,
        ConnectedStreams,
        DataStream,
        FutureStream,
        KeyedConnectedStreams,
        KeyedStream,
        WindowedJoin,
        WindowedStream,
    )
    from sage_kernel_api.core.transformation import BaseTransformation
    from sage_kernel_api.core.windows import (
        CountTrigger,
        CountWindow,
        EventTimeTrigger,
        GlobalWindow,
        GlobalWindows,
        SessionWindows,
        SlidingCountWindows,
        SlidingTimeWindows,
        TimeWindow,
        Trigger,
        TriggerContext,
        TriggerResult,
        TumblingCountWindows,
        TumblingTimeWindows,
        WallClockTrigger,
    )
    from sage_kernel_api.errors import (
        CapabilityError,
        ContextError,
        JobCancelledError,
        JobFailedError,
        KernelError,
        KernelNotFoundError,
        KernelSpecError,
        PipelineError,
        ServiceError,
        StepError,
    )
    from sage_kernel_api.kernel_facade import KernelFacade
    from sage_kernel_api.lifecycle import PipelineConfig, StepPolicies
    from sage_kernel_api.plugins import (
        KernelRegistrar,
        KernelSpec,
        available_kernels,
        hookimpl,
        register_kernel,
        resolve_kernel,
    )
    from sage_kernel_api.storage.state_classes import state_class
    from sage_kernel_api.values import (
        API_VERSION,
        NONE_KEY,
        Capability,
        DeadLetter,
        JobId,
        JobState,
        JobStatus,
        Packet,
        Payload,
        PhysicalDescription,
        StopSignal,
    )

__all__ = [
    "API_VERSION",
    "AggregateFunction",
    "AsyncMapFunction",
    "BaseCoMapFunction",
    "BaseEnvironment",
    "BaseFunction",
    "BaseJoinFunction",
    "BaseOperator",
    "BaseService",
    "BaseTransformation",
    "BadRecord",
    "BatchFunction",
    "BlockSourceFunction",
    "BroadcastConnectedStreams",
    "BroadcastProcessFunction",
    "BroadcastState",
    "Capability",
    "CapabilityError",
    "Collector",
    "ConnectedStreams",
    "ContextError",
    "CountTrigger",
    "CountWindow",
    "CustomLogger",
    "DataStream",
    "DeadLetter",
    "DescribedGraph",
    "ErrorPolicy",
    "EventTimeTrigger",
    "ExecutionContext",
    "FieldKeyByFunction",
    "FileBatchIteratorFunction",
    "FileSink",
    "FileSource",
    "FilterFunction",
    "FlatMapFunction",
    "FutureStream",
    "GeneratorBatchIteratorFunction",
    "GlobalWindow",
    "GlobalWindows",
    "IterableBatchIteratorFunction",
    "JobCancelledError",
    "JobFailedError",
    "JobId",
    "JobManager",
    "JobState",
    "JobStatus",
    "KernelError",
    "KernelFacade",
    "KernelNotFoundError",
    "KernelRegistrar",
    "KernelSpec",
    "KernelSpecError",
    "KeyByFunction",
    "KeyedConnectedStreams",
    "KeyedStream",
    "ListState",
    "LocalEnvironment",
    "MapFunction",
    "MapState",
    "MemWriteSink",
    "NONE_KEY",
    "OperatorFactory",
    "OutputTag",
    "Packet",
    "Payload",
    "PhysicalDescription",
    "PipelineConfig",
    "PipelineError",
    "Policies",
    "PrintSink",
    "ProcessFunction",
    "ProcessOutput",
    "RangeBatchIteratorFunction",
    "RateLimit",
    "ReduceFunction",
    "ReducingState",
    "RuntimeContext",
    "ServiceContext",
    "ServiceError",
    "SessionWindows",
    "SimpleBatchIteratorFunction",
    "SinkFunction",
    "SlidingCountWindows",
    "SlidingTimeWindows",
    "SourceFunction",
    "StepError",
    "StepPolicies",
    "StopSignal",
    "TerminalSink",
    "TimeWindow",
    "Timer",
    "TimerService",
    "TransactionalSinkFunction",
    "Trigger",
    "TriggerContext",
    "TriggerResult",
    "TumblingCountWindows",
    "TumblingTimeWindows",
    "ValueState",
    "WallClockTrigger",
    "WindowFunction",
    "WindowedJoin",
    "WindowedStream",
    "available_kernels",
    "describe",
    "describe_physical",
    "detect_lambda_type",
    "errors",
    "hookimpl",
    "register_kernel",
    "render",
    "render_physical",
    "resolve_kernel",
    "retry",
    "state_class",
    "wrap_lambda",
    "ExponentialDelay",
    "FailureRate",
    "FixedDelay",
    "NoRestart",
]

_HOMES = {
    "sage_kernel_api.context": (
        "ExecutionContext",
        "RuntimeContext",
        "ServiceContext",
    ),
    "sage_kernel_api.core.connectors.bad_records": ("BadRecord",),
    "sage_kernel_api.core.custom_logger": ("CustomLogger",),
    "sage_kernel_api.core.environment": (
        "BaseEnvironment",
        "LocalEnvironment",
    ),
    "sage_kernel_api.core.event_time": (
        "Timer",
        "TimerService",
    ),
    "sage_kernel_api.core.explain": (
        "DescribedGraph",
        "describe",
        "render",
    ),
    "sage_kernel_api.core.explain_physical": (
        "describe_physical",
        "render_physical",
    ),
    "sage_kernel_api.core.functions": (
        "AggregateFunction",
        "AsyncMapFunction",
        "BaseCoMapFunction",
        "BaseFunction",
        "BaseJoinFunction",
        "BaseService",
        "BatchFunction",
        "BlockSourceFunction",
        "BroadcastProcessFunction",
        "BroadcastState",
        "Collector",
        "FieldKeyByFunction",
        "FileBatchIteratorFunction",
        "FileSink",
        "FileSource",
        "FilterFunction",
        "FlatMapFunction",
        "GeneratorBatchIteratorFunction",
        "IterableBatchIteratorFunction",
        "KeyByFunction",
        "ListState",
        "MapFunction",
        "MapState",
        "MemWriteSink",
        "OutputTag",
        "PrintSink",
        "ProcessFunction",
        "ProcessOutput",
        "RangeBatchIteratorFunction",
        "ReduceFunction",
        "ReducingState",
        "SimpleBatchIteratorFunction",
        "SinkFunction",
        "SourceFunction",
        "TerminalSink",
        "TransactionalSinkFunction",
        "ValueState",
        "WindowFunction",
        "detect_lambda_type",
        "wrap_lambda",
    ),
    "sage_kernel_api.core.job_manager": ("JobManager",),
    "sage_kernel_api.core.operators": (
        "BaseOperator",
        "OperatorFactory",
    ),
    "sage_kernel_api.core.operators.async_map": ("RateLimit",),
    "sage_kernel_api.core.policies": (
        "ErrorPolicy",
        "Policies",
        "retry",
    ),
    "sage_kernel_api.core.restart_strategies": (
        "ExponentialDelay",
        "FailureRate",
        "FixedDelay",
        "NoRestart",
    ),
    "sage_kernel_api.core.streams": (
        "BroadcastConnectedStreams",
        "ConnectedStreams",
        "DataStream",
        "FutureStream",
        "KeyedConnectedStreams",
        "KeyedStream",
        "WindowedJoin",
        "WindowedStream",
    ),
    "sage_kernel_api.core.transformation": ("BaseTransformation",),
    "sage_kernel_api.core.windows": (
        "CountTrigger",
        "CountWindow",
        "EventTimeTrigger",
        "GlobalWindow",
        "GlobalWindows",
        "SessionWindows",
        "SlidingCountWindows",
        "SlidingTimeWindows",
        "TimeWindow",
        "Trigger",
        "TriggerContext",
        "TriggerResult",
        "TumblingCountWindows",
        "TumblingTimeWindows",
        "WallClockTrigger",
    ),
    "sage_kernel_api.errors": (
        "CapabilityError",
        "ContextError",
        "JobCancelledError",
        "JobFailedError",
        "KernelError",
        "KernelNotFoundError",
        "KernelSpecError",
        "PipelineError",
        "ServiceError",
        "StepError",
    ),
    "sage_kernel_api.kernel_facade": ("KernelFacade",),
    "sage_kernel_api.lifecycle": (
        "PipelineConfig",
        "StepPolicies",
    ),
    "sage_kernel_api.plugins": (
        "KernelRegistrar",
        "KernelSpec",
        "available_kernels",
        "hookimpl",
        "register_kernel",
        "resolve_kernel",
    ),
    "sage_kernel_api.storage.state_classes": ("state_class",),
    "sage_kernel_api.values": (
        "API_VERSION",
        "Capability",
        "DeadLetter",
        "JobId",
        "JobState",
        "JobStatus",
        "NONE_KEY",
        "Packet",
        "Payload",
        "PhysicalDescription",
        "StopSignal",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:
    # Hidden from type checkers, to whom a misspelt import would otherwise be an `Any`.
    def __getattr__(name: str) -> Any:
        if name == "errors":
            return importlib.import_module("sage_kernel_api.errors")
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        # Kept, so that only the first look pays.
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
