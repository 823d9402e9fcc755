"""The running side of steps."""

from sage_kernel_api.core.operators.assign_time_operator import AssignTimeOperator
from sage_kernel_api.core.operators.base_operator import BaseOperator, is_function_class
from sage_kernel_api.core.operators.batch_operators import (
    KeyedMicroBatchOperator,
    MicroBatchOperator,
    TimedKeyedMicroBatchOperator,
    TimedMicroBatchOperator,
)
from sage_kernel_api.core.operators.block_source_operator import BlockSourceOperator
from sage_kernel_api.core.operators.broadcast_operator import BroadcastProcessOperator
from sage_kernel_api.core.operators.element_operators import (
    FilterOperator,
    FlatMapOperator,
    KeyByOperator,
    MapOperator,
    NoneDroppingMapOperator,
    ReduceOperator,
    SinkOperator,
)
from sage_kernel_api.core.operators.factory import OperatorFactory
from sage_kernel_api.core.operators.join_operators import (
    AsOfJoinOperator,
    IntervalJoinOperator,
    KeyedJoinOperator,
    WindowJoinOperator,
)
from sage_kernel_api.core.operators.keyed_fold_operators import (
    AggregateOperator,
    Emit,
    TopKOperator,
)
from sage_kernel_api.core.operators.multi_operators import (
    CoMapOperator,
    JoinOperator,
    NoneDroppingCoMapOperator,
    is_comap_class,
)
from sage_kernel_api.core.operators.on_end_operator import OnEndOperator
from sage_kernel_api.core.operators.process_operator import ProcessOperator, has_timers
from sage_kernel_api.core.operators.source_operators import (
    BatchOperator,
    CollectionOperator,
    SourceOperator,
)
from sage_kernel_api.core.operators.transactional_sink_operator import TransactionalSinkOperator
from sage_kernel_api.core.operators.window_operators import (
    WindowAggregateOperator,
    WindowOperator,
    WindowProcessOperator,
    WindowReduceOperator,
)

__all__ = [
    "AggregateOperator",
    "AsOfJoinOperator",
    "AssignTimeOperator",
    "BaseOperator",
    "BatchOperator",
    "BlockSourceOperator",
    "BroadcastProcessOperator",
    "CoMapOperator",
    "CollectionOperator",
    "Emit",
    "FilterOperator",
    "FlatMapOperator",
    "IntervalJoinOperator",
    "JoinOperator",
    "KeyByOperator",
    "KeyedJoinOperator",
    "KeyedMicroBatchOperator",
    "MapOperator",
    "MicroBatchOperator",
    "NoneDroppingCoMapOperator",
    "NoneDroppingMapOperator",
    "OnEndOperator",
    "OperatorFactory",
    "ProcessOperator",
    "ReduceOperator",
    "SinkOperator",
    "SourceOperator",
    "TimedKeyedMicroBatchOperator",
    "TimedMicroBatchOperator",
    "TopKOperator",
    "TransactionalSinkOperator",
    "WindowAggregateOperator",
    "WindowJoinOperator",
    "WindowOperator",
    "WindowProcessOperator",
    "WindowReduceOperator",
    "has_timers",
    "is_comap_class",
    "is_function_class",
]
