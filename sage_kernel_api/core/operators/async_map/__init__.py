"""Asynchronous functions in a step: many calls at once, one thread for all of them.

Imported only by pipelines that have such a step: it is the one place that needs `asyncio`.
"""

from sage_kernel_api.core.operators.async_map.operator import AsyncMapOperator
from sage_kernel_api.core.operators.async_map.options import AsyncMapOptions
from sage_kernel_api.core.operators.async_map.rate_limit import RateLimit

__all__ = ["AsyncMapOperator", "AsyncMapOptions", "RateLimit"]
