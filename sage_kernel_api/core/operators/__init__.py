"""The running side of steps."""

from sage_kernel_api.core.operators.base_operator import BaseOperator, is_function_class
from sage_kernel_api.core.operators.block_source_operator import BlockSourceOperator
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
from sage_kernel_api.core.operators.multi_operators import (
    CoMapOperator,
    JoinOperator,
    NoneDroppingCoMapOperator,
    ProcessOperator,
    is_comap_class,
)
from sage_kernel_api.core.operators.source_operators import (
    BatchOperator,
    CollectionOperator,
    SourceOperator,
)
from sage_kernel_api.core.operators.transactional_sink_operator import TransactionalSinkOperator

__all__ = [
    "BaseOperator",
    "BatchOperator",
    "BlockSourceOperator",
    "CoMapOperator",
    "CollectionOperator",
    "FilterOperator",
    "FlatMapOperator",
    "JoinOperator",
    "KeyByOperator",
    "MapOperator",
    "NoneDroppingCoMapOperator",
    "NoneDroppingMapOperator",
    "OperatorFactory",
    "ProcessOperator",
    "ReduceOperator",
    "SinkOperator",
    "SourceOperator",
    "TransactionalSinkOperator",
    "is_comap_class",
    "is_function_class",
]
