"""A transactional sink on a simulated disk: one file a transaction, visible once it is renamed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sage_kernel_api.core.functions import TransactionalSinkFunction
from sage_kernel_default.simulation import SimulatedDisk

__all__ = ["DiskSink", "read_parts"]


class DiskSink(TransactionalSinkFunction[Any]):
    """Writes JSON lines.

    Pending names are unique for ever: what a zombie of an older attempt writes is only rubbish.
    """

    made = 0
    """Instances ever made; part of their names. Set to 0 before each run."""

    def __init__(self, disk: SimulatedDisk, folder: Path) -> None:
        self.disk = disk
        self.folder = folder
        self.lines: list[str] = []
        DiskSink.made += 1
        self.token = f"{DiskSink.made:03d}"

    def begin(self) -> None:
        self.lines = []

    def execute(self, data: Any) -> None:
        self.lines.append(json.dumps(data))

    def pre_commit(self, epoch: int) -> str | None:
        if not self.lines:
            return None
        name = f"{self.ctx.parallel_index}-{epoch:06d}-{self.token}.part"
        self.disk.write(self.pending(name), ("\n".join(self.lines) + "\n").encode())
        self.disk.sync_folder(self.folder)
        return name

    def pending(self, name: str) -> Path:
        return self.folder / f"pending-{name}"

    def commit(self, handle: str) -> None:
        try:
            self.disk.rename(self.pending(handle), self.folder / handle)
        except FileNotFoundError:
            if self.disk.read(self.folder / handle) is None:
                raise
        self.disk.sync_folder(self.folder)

    def abort(self) -> None:
        self.lines = []

    def recover(self, handles: Sequence[str]) -> None:
        for handle in handles:
            self.commit(handle)
        # Instances may have changed, so each clears away what old ones of its share have left;
        # never what younger ones have, since this one may be the late one.
        index, count = self.ctx.parallel_index, self.ctx.parallelism
        for name in self.disk.names(self.folder):
            _, owner, *_, last = name.split("-") if name.startswith("pending-") else ("", "x", "")
            if owner != "x" and int(owner) % count == index and last < self.token:
                self.disk.remove(self.folder / name)


def read_parts(folder: Path) -> list[Any]:
    """Return all visible records."""
    parts = [path for path in folder.iterdir() if not path.name.startswith("pending-")]
    return [json.loads(line) for path in parts for line in path.read_text().splitlines()]
