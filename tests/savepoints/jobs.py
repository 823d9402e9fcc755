"""The job whose golden savepoints are kept, and what the tests make of savepoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sage_kernel_api.communication import key_group
from sage_kernel_api.storage.savepoints import (
    InstanceState,
    KeyedRows,
    Savepoint,
    SavepointHeader,
    owned_groups,
    write_savepoint_file,
)
from sage_kernel_api.storage.value_codec import ValueCodec

__all__ = ["CODEC", "GOLDEN", "golden_tables", "tables_of", "write_golden"]

CODEC = ValueCodec()
GOLDEN = Path(__file__).parent / "golden"


def golden_tables() -> dict[str, dict[Any, Any]]:
    """Return the keyed tables of the golden job."""
    return {
        "count": {f"user{n}": n for n in range(20)},
        "seen": {("a", 1): {1, 2}, None: [], 7: {"x": (True, 0.5)}, b"b": "ключ"},
    }


def write_golden(path: Path, parallelism: int) -> int:
    """Write the golden job: a source, a keyed step of some parallelism, a sink."""
    header = SavepointHeader(
        "golden",
        "default",
        7,
        1_700_000_000.5,
        {"read": 1, "total": parallelism, "write": 1},
        {"n": 1},
    )
    states: list[InstanceState | KeyedRows] = [
        InstanceState("read", 0, {"position": CODEC.encode(("lines.txt", 1234))})
    ]
    states += [
        InstanceState("total", index, in_flight=_pending() if index == 0 else [])
        for index in range(parallelism)
    ]
    for table, rows in sorted(golden_tables().items()):
        states += rows_of("total", table, rows)
    states.append(InstanceState("write", 0, handle=CODEC.encode([("part-7", 99)])))
    return write_savepoint_file(path, header, states)


def rows_of(step: str, table: str, rows: dict[Any, Any]) -> list[KeyedRows]:
    """Return a table as rows by key group."""
    found = []
    for group in sorted({key_group(key) for key in rows}):
        mine = {key: value for key, value in rows.items() if key_group(key) == group}
        keys, values = CODEC.encode_column([*mine]), CODEC.encode_column([*mine.values()])
        found.append(KeyedRows(step, table, group, keys, values, len(mine)))
    return found


def tables_of(savepoint: Savepoint, step: str, parallelism: int) -> list[dict[str, dict[Any, Any]]]:
    """Return what each of *parallelism* instances would get."""
    instances = []
    for groups in owned_groups(parallelism):
        tables: dict[str, dict[Any, Any]] = {}
        for rows in savepoint.rows(step, groups):
            keys, values = CODEC.decode_column(rows.keys), CODEC.decode_column(rows.values)
            assert len(keys) == rows.rows
            tables.setdefault(rows.table, {}).update(zip(keys, values, strict=True))
        instances.append(tables)
    return instances


def _pending() -> list[bytes]:
    columns: list[list[Any]] = [[0, 0], ["early", "late"], ["user1", "user2"]]
    return [CODEC.encode_column(column) for column in columns]
