"""What a savepoint holds, as values.

Layer: storage. Users' values stay encoded (`ValueCodec`): reading a savepoint decodes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["InstanceState", "KeyedRows", "SavepointHeader", "SavepointStep", "TableSummary"]


@dataclass(frozen=True, slots=True)
class SavepointHeader:
    """Where a savepoint comes from.

    Attributes:
        job: Name of the job.
        kernel: Name of the kernel that wrote it.
        epoch: The job's epoch that it shows.
        created_at_s: Seconds since 1970 (UTC).
        steps: Parallelism by step that had state; by ``uid``, or id where none was given.
        metadata: Whatever else the kernel wants to tell; JSON.
    """

    job: str
    kernel: str
    epoch: int
    created_at_s: float
    steps: Mapping[str, int]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InstanceState:
    """State of one instance of a step, but for its keyed tables.

    Attributes:
        step: Of `SavepointHeader.steps`.
        index: The instance, from 0.
        operator: Operator state by name, each value encoded.
        handle: Result of the sink's ``pre_commit``, encoded; None for none.
        in_flight: Records that were inside of the step, each encoded.
    """

    step: str
    index: int
    operator: Mapping[str, bytes] = field(default_factory=dict)
    handle: bytes | None = None
    in_flight: Sequence[bytes] = ()

    @property
    def size_bytes(self) -> int:
        """Size of what is encoded."""
        parts = [*self.operator.values(), self.handle or b"", *self.in_flight]
        return sum(map(len, parts))


@dataclass(frozen=True, slots=True)
class KeyedRows:
    """Some rows of one keyed table, all of one key group.

    Attributes:
        step: Of `SavepointHeader.steps`.
        table: Name of the table.
        group: The key group, in ``range(KEY_GROUPS)``.
        keys: Column of the keys (as `ValueCodec.encode_column`).
        values: Column of their values.
        rows: Entries of either.
    """

    step: str
    table: str
    group: int
    keys: bytes
    values: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class TableSummary:
    """Size of one keyed table."""

    keys: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SavepointStep:
    """One step of a verified savepoint.

    Attributes:
        step: Its name.
        parallelism: Instances that it had.
        instances: Their state, by index.
        tables: Sizes of its keyed tables, by name.
    """

    step: str
    parallelism: int
    instances: Sequence[InstanceState]
    tables: Mapping[str, TableSummary]

    @property
    def size_bytes(self) -> int:
        """Size of all its state, as encoded."""
        keyed = sum(table.size_bytes for table in self.tables.values())
        return keyed + sum(instance.size_bytes for instance in self.instances)
