"""Options of the kernel ``default``, as in ``default?frame_size=64``."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from sage_kernel_api.plugins import Seconds

__all__ = ["DefaultOptions"]


class DefaultOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set of the embedded kernel."""

    frame_size: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            le=65_536,
            description="Most records that a step takes at once; at most 1024 in process lanes.",
        ),
    ] = 65_536
    flush_ms: Annotated[
        float,
        msgspec.Meta(
            gt=0,
            le=1000,
            description="Milliseconds that a step may work on a frame before its results go on; at "
            "least 8 where they go to no other task. Busy process lanes take up to 8 times as "
            "long, and 32 times with many records behind.",
        ),
    ] = 2.0
    channel_capacity: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            description="Records between two tasks before the sender waits (times 4 between "
            "processes; at most 1024 inside of a process lane).",
        ),
    ] = 4096
    driver: Annotated[
        Literal["threads", "sim"],
        msgspec.Meta(
            description="What drives tasks: threads, or a simulation in virtual time, for tests."
        ),
    ] = "threads"
    seed: Annotated[
        int,
        msgspec.Meta(ge=0, description="With driver=sim: decides the order of all turns."),
    ] = 0
    lanes: Annotated[
        Literal["thread", "process"],
        msgspec.Meta(description="Where parallel steps run that do not say it themselves."),
    ] = "thread"
    processes: Annotated[
        int,
        msgspec.Meta(ge=0, le=1024, description="Most process lanes of a job; 0: one per core."),
    ] = 0
    service_timeout: Annotated[
        Seconds,
        msgspec.Meta(gt=0, description="Deadline of service calls that name none."),
    ] = 30.0
    stop_timeout: Annotated[
        Seconds,
        msgspec.Meta(
            gt=0,
            le=1.9,
            description="How long ended jobs wait for user code before they abandon it.",
        ),
    ] = 1.5
