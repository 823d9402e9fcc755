"""Ways for records between tasks and between threads."""

from sage_kernel_default.channels.local import LocalChannel
from sage_kernel_default.channels.queues import BoundedQueue, ChannelView, LocalQueueManager

__all__ = ["BoundedQueue", "ChannelView", "LocalChannel", "LocalQueueManager"]
