"""What a spec string such as ``mock?strict=false&seed=7`` can set."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["MockOptions"]


class MockOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the mock kernel.

    Attributes:
        strict: True: a call of an unknown service raises. False: it is answered by a
            `Placeholder`, which is not None and says what was called.
        seed: None: a fixed order, most downstream step first. A number: an order drawn from
            that seed; the same seed gives the same run.
        journal_size: How many entries the journal keeps, at least 1.
        service_timeout_s: Deadline of service calls that name none, on the manual clock.
        idle_limit: How often in a row all sources may have nothing before the job fails.
    """

    strict: Annotated[
        bool, msgspec.Meta(description="refuse calls of services that nobody registered")
    ] = True
    seed: Annotated[
        int | None, msgspec.Meta(description="draw the order of steps from this seed")
    ] = None
    journal_size: Annotated[int, msgspec.Meta(ge=1, description="entries that are kept")] = 100_000
    service_timeout_s: Annotated[
        float, msgspec.Meta(gt=0, description="deadline of service calls, on the manual clock")
    ] = 30.0
    idle_limit: Annotated[
        int, msgspec.Meta(ge=1, description="idle looks at all sources before the job fails")
    ] = 10_000
