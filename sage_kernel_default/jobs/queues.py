"""The channels of running jobs, as queues that one may look at.

Layer: jobs.
"""

from __future__ import annotations

from collections.abc import Iterable

from sage_kernel_default.channels import ChannelView
from sage_kernel_default.jobs.job import Job

__all__ = ["channels_of"]


def channels_of(jobs: Iterable[Job], capacity: int) -> dict[str, ChannelView]:
    """Look at every channel of the jobs that have not ended, by name.

    Args:
        jobs: Of the kernel.
        capacity: Credit of a channel; those that close a loop have no bound.
    """
    views: dict[str, ChannelView] = {}
    for job in jobs:
        for channel, depth in job.depths().items():
            name = f"{channel.writer.id} -> {channel.reader.id}"
            if name in views:  # several edges join the same two tasks
                name = f"{name} #{channel.number}"
            views[name] = ChannelView(name, depth, 0 if channel.is_reserved else capacity)
    return views
