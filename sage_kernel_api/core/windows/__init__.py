"""Windows: which records belong together, and when that is known. Pure; operators run them."""

from sage_kernel_api.core.windows.assigners import (
    GlobalWindows,
    SessionWindows,
    SlidingTimeWindows,
    TimeWindowAssigner,
    TumblingTimeWindows,
    WindowAssigner,
)
from sage_kernel_api.core.windows.contents import (
    AggregatedContents,
    AllContents,
    Contents,
    ReducedContents,
)
from sage_kernel_api.core.windows.count_windows import (
    CountWindowAssigner,
    SlidingCountWindows,
    TumblingCountWindows,
)
from sage_kernel_api.core.windows.time_windows import Fire, TimeWindows, WindowKeeper
from sage_kernel_api.core.windows.triggers import (
    CountTrigger,
    EventTimeTrigger,
    Trigger,
    TriggerContext,
    TriggerResult,
    WallClockTrigger,
)
from sage_kernel_api.core.windows.window_types import CountWindow, GlobalWindow, TimeWindow

__all__ = [
    "AggregatedContents",
    "AllContents",
    "Contents",
    "CountTrigger",
    "CountWindow",
    "CountWindowAssigner",
    "EventTimeTrigger",
    "Fire",
    "GlobalWindow",
    "GlobalWindows",
    "ReducedContents",
    "SessionWindows",
    "SlidingCountWindows",
    "SlidingTimeWindows",
    "TimeWindow",
    "TimeWindowAssigner",
    "TimeWindows",
    "Trigger",
    "TriggerContext",
    "TriggerResult",
    "TumblingCountWindows",
    "TumblingTimeWindows",
    "WallClockTrigger",
    "WindowAssigner",
    "WindowKeeper",
]
