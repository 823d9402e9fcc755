"""Joins over event time. Pure but for the tables they are given; operators run them."""

from sage_kernel_api.core.joins.asof import AsOfJoin
from sage_kernel_api.core.joins.interval import IntervalJoin
from sage_kernel_api.core.joins.keyed_join import EmitPair, KeyedJoin
from sage_kernel_api.core.joins.window_join import JoinedContents, JoinKind

__all__ = ["AsOfJoin", "EmitPair", "IntervalJoin", "JoinKind", "JoinedContents", "KeyedJoin"]
