"""A transactional sink whose committed output any reader can check: one file a transaction."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sage_kernel_api.core.functions import TransactionalSinkFunction
from tests.faults.crash_points import crash_point

__all__ = ["PartsSink", "read_parts"]


class PartsSink(TransactionalSinkFunction[Any]):
    """Writes JSON lines; a part is visible once it has lost its prefix.

    Pending names are unique for ever: what a zombie of an older attempt writes is only rubbish.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.lines: list[str] = []

    def begin(self) -> None:
        self.lines = []

    def execute(self, data: Any) -> None:
        self.lines.append(json.dumps(data))

    def pre_commit(self, epoch: int) -> str | None:
        if not self.lines:
            return None
        name = f"{self.ctx.parallel_index}-{epoch:06d}-{uuid.uuid4().hex[:8]}.part"
        with open(self.folder / f"pending-{name}", "w") as file:
            file.write("\n".join(self.lines) + "\n")
            file.flush()
            crash_point("sink-write")
            os.fsync(file.fileno())
        crash_point("sink-pre-commit")
        return name

    def commit(self, handle: str) -> None:
        crash_point("sink-commit")
        try:
            os.replace(self.folder / f"pending-{handle}", self.folder / handle)
        except FileNotFoundError:
            if not (self.folder / handle).exists():
                raise
        crash_point("sink-committed")

    def abort(self) -> None:
        self.lines = []

    def recover(self, handles: Sequence[str]) -> None:
        for handle in handles:
            self.commit(handle)
        # Instances may have changed, so each clears away what old ones of its share have left.
        index, count = self.ctx.parallel_index, self.ctx.parallelism
        for left in self.folder.glob("pending-*"):
            if int(left.name.split("-")[1]) % count == index:
                left.unlink(missing_ok=True)


def read_parts(folder: Path) -> list[Any]:
    """Return all visible records, in the order of their transactions."""
    parts = [path for path in folder.iterdir() if not path.name.startswith("pending-")]
    parts.sort(key=lambda path: path.name.split("-")[1::-1])
    return [json.loads(line) for path in parts for line in path.read_text().splitlines()]
