"""Kernels with bad channels and queues."""

from __future__ import annotations

from typing import Any

from sage_kernel_api.values import Capability
from sage_kernel_default.channels.local import LocalChannel
from sage_kernel_default.lanes import site as _site
from tests.conformance.wrong_kernels.faults import default_kernel, fault

site: Any = _site  # a module, of which a name is replaced for a while


class _Endless(LocalChannel):
    """Is never full: whatever comes is kept in memory."""

    __slots__ = ()

    @property
    def is_full(self) -> bool:
        """Say that there is room."""
        return False


class _Leaky(_Endless):
    """Lets nobody wait, and loses what there is no room for; the counters say nothing of it."""

    __slots__ = ()

    def put(self, frame: Any) -> None:
        """Take the frame, unless there is no room."""
        if self._capacity is not None and self.sent - self.consumed >= self._capacity:
            self.sent += len(frame.values)
            self.consumed += len(frame.values)
        else:
            super().put(frame)


def _with_channels(kind: Any) -> Any:
    """Return a default kernel whose tasks are joined by channels of that kind."""
    kernel = default_kernel()
    submit = kernel.job_manager.submit_job

    def submit_job(pipeline_config: Any) -> Any:
        usual, site.LocalChannel = site.LocalChannel, kind
        try:
            return submit(pipeline_config)
        finally:
            site.LocalChannel = usual

    kernel.job_manager.submit_job = submit_job
    return kernel


@fault(Capability.BACKGROUND_JOBS)
def loses_a_record_at_a_full_channel() -> Any:
    return _with_channels(_Leaky)


@fault(Capability.BACKGROUND_JOBS)
def keeps_what_a_slow_sink_does_not_take() -> Any:
    return _with_channels(_Endless)


@fault(Capability.QUEUES)
def loses_an_item_at_a_full_queue() -> Any:
    kernel = default_kernel()
    create = kernel.queue_manager.create_queue

    def create_queue(name: str, capacity: int) -> Any:
        queue = create(name, capacity)
        put = queue.put

        def wrong(item: Any, *, timeout_s: float | None = None) -> None:
            if queue.size() < capacity or queue.is_closed:
                put(item, timeout_s=timeout_s)

        queue.put = wrong
        return queue

    kernel.queue_manager.create_queue = create_queue
    return kernel


@fault(Capability.QUEUES)
def gives_the_latest_item_first() -> Any:
    kernel = default_kernel()
    create = kernel.queue_manager.create_queue

    def create_queue(name: str, capacity: int) -> Any:
        queue = create(name, capacity)
        frames = queue._channel._frames
        queue._channel.take = lambda: frames.pop() if frames else None
        return queue

    kernel.queue_manager.create_queue = create_queue
    return kernel
