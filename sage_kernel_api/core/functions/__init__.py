"""What users write: functions and services."""

from sage_kernel_api.core.functions.async_map_function import AsyncMapFunction
from sage_kernel_api.core.functions.base_function import BaseFunction, ContextUser
from sage_kernel_api.core.functions.base_service import BaseService
from sage_kernel_api.core.functions.batch_functions import (
    FileBatchIteratorFunction,
    GeneratorBatchIteratorFunction,
    IterableBatchIteratorFunction,
    RangeBatchIteratorFunction,
    SimpleBatchIteratorFunction,
)
from sage_kernel_api.core.functions.block_source import BlockSourceFunction
from sage_kernel_api.core.functions.broadcast_function import (
    BroadcastProcessFunction,
    BroadcastState,
)
from sage_kernel_api.core.functions.collector import Collector
from sage_kernel_api.core.functions.element_functions import (
    FieldKeyByFunction,
    FilterFunction,
    FlatMapFunction,
    KeyByFunction,
    MapFunction,
    ReduceFunction,
    SinkFunction,
)
from sage_kernel_api.core.functions.keyed_folds import CountFunction, FirstOfKeyFunction
from sage_kernel_api.core.functions.keyed_state import (
    ListState,
    MapState,
    ReducingState,
    ValueState,
    declared_states,
)
from sage_kernel_api.core.functions.lambdas import detect_lambda_type, wrap_lambda
from sage_kernel_api.core.functions.library import (
    FileSink,
    FileSource,
    MemWriteSink,
    PrintSink,
    TerminalSink,
)
from sage_kernel_api.core.functions.multi_input import (
    BaseCoMapFunction,
    BaseJoinFunction,
    CoMap2,
    CoMap3,
    CoMap4,
)
from sage_kernel_api.core.functions.process_function import (
    OutputTag,
    ProcessFunction,
    ProcessOutput,
)
from sage_kernel_api.core.functions.service_calls import ServiceCaller, ServiceHandle
from sage_kernel_api.core.functions.source_functions import BatchFunction, SourceFunction
from sage_kernel_api.core.functions.transactional_sink import TransactionalSinkFunction
from sage_kernel_api.core.functions.window_functions import AggregateFunction, WindowFunction

__all__ = [
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
    "CoMap2",
    "CoMap3",
    "CoMap4",
    "Collector",
    "ContextUser",
    "CountFunction",
    "FieldKeyByFunction",
    "FileBatchIteratorFunction",
    "FileSink",
    "FileSource",
    "FilterFunction",
    "FirstOfKeyFunction",
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
    "ServiceCaller",
    "ServiceHandle",
    "SimpleBatchIteratorFunction",
    "SinkFunction",
    "SourceFunction",
    "TerminalSink",
    "TransactionalSinkFunction",
    "ValueState",
    "WindowFunction",
    "declared_states",
    "detect_lambda_type",
    "wrap_lambda",
]
