"""Values that functions keep."""

from sage_kernel_default.state.keyed import MemoryKeyedState
from sage_kernel_default.state.memory import MemoryStateManager

__all__ = ["MemoryKeyedState", "MemoryStateManager"]
