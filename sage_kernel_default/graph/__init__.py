"""The physical graph: which tasks run, and which channels join them. Pure."""

from sage_kernel_default.graph.physical import ChannelSpec, PhysicalGraph, TaskSpec

__all__ = ["ChannelSpec", "PhysicalGraph", "TaskSpec"]
