"""What ``sage-kernel savepoint`` shows of a savepoint.

Layer: cli. Users' values are decoded as far as that runs no code: objects of their classes and
pickles are shown by their size.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sage_kernel_api.cli.tables import render_table
from sage_kernel_api.errors import StateError
from sage_kernel_api.storage.savepoints import InstanceState, Savepoint, open_savepoint
from sage_kernel_api.storage.value_codec import ValueCodec

__all__ = ["savepoint_json", "savepoint_table", "verify_savepoint"]

_SHOWN: Final = 60


def savepoint_table(path: Path) -> str:
    """Return what a savepoint holds, as text: steps, sizes, positions.

    Raises:
        CheckpointError: It is damaged, none, or cannot be read.
    """
    savepoint = open_savepoint(path)
    header = savepoint.header
    created = dt.datetime.fromtimestamp(header.created_at_s, dt.UTC).isoformat(" ", "seconds")
    lines = [
        f"Job {header.job!r}, epoch {header.epoch}, by kernel {header.kernel!r}, {created}",
        f"{savepoint.size_bytes} bytes, all checksums right",
        "",
        render_table(
            ["step", "parallelism", "keys", "bytes", "tables"],
            [
                [
                    *(name, str(step.parallelism), str(sum(t.keys for t in step.tables.values()))),
                    *(str(step.size_bytes), ", ".join(sorted(step.tables)) or "-"),
                ]
                for name, step in savepoint.steps.items()
            ],
        ),
    ]
    states = [
        f"{name}[{state.index}]  {what}"
        for name, step in savepoint.steps.items()
        for state in step.instances
        for what in _describe(state)
    ]
    return "\n".join([*lines, *(["", "State of instances", *states] if states else [])])


def savepoint_json(path: Path) -> str:
    """Return the same as JSON.

    Raises:
        CheckpointError: As `savepoint_table`.
    """
    savepoint = open_savepoint(path)
    header = savepoint.header
    return json.dumps(
        {
            "job": header.job,
            "kernel": header.kernel,
            "epoch": header.epoch,
            "created_at_s": header.created_at_s,
            "size_bytes": savepoint.size_bytes,
            "metadata": dict(header.metadata),
            "steps": _steps(savepoint),
        },
        indent=2,
    )


def verify_savepoint(path: Path) -> str:
    """Read a savepoint from its first byte to its last and return that it is good.

    Raises:
        CheckpointError: It is damaged, none, or cannot be read.
    """
    savepoint = open_savepoint(path)
    return (
        f"{path} is good: {savepoint.size_bytes} bytes, {len(savepoint.steps)} steps, epoch "
        f"{savepoint.header.epoch}."
    )


def _steps(savepoint: Savepoint) -> Mapping[str, Any]:
    return {
        name: {
            "parallelism": step.parallelism,
            "size_bytes": step.size_bytes,
            "tables": {
                table: {"keys": summary.keys, "size_bytes": summary.size_bytes}
                for table, summary in sorted(step.tables.items())
            },
            "instances": [
                {
                    "index": state.index,
                    "operator": {name: _show(data) for name, data in state.operator.items()},
                    "handle": None if state.handle is None else _show(state.handle),
                    "in_flight_bytes": sum(map(len, state.in_flight)),
                }
                for state in step.instances
            ],
        }
        for name, step in savepoint.steps.items()
    }


def _describe(state: InstanceState) -> list[str]:
    found = [f"{name} = {_show(data)}" for name, data in state.operator.items()]
    if state.handle is not None:
        found.append(f"to commit: {_show(state.handle)}")
    if state.in_flight:
        found.append(f"records inside: {sum(map(len, state.in_flight))} bytes")
    return found


def _show(data: bytes) -> str:
    try:
        text = repr(ValueCodec().decode(data))
    except StateError:
        # Objects of the user's classes, or pickle: neither is made here.
        return f"({len(data)} bytes)"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
