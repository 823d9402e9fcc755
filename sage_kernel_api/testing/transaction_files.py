"""A sink that writes a file for each transaction, and notes what it is told.

Layer: testing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sage_kernel_api.core.functions import (
    TransactionalSinkFunction,
)

__all__ = ["Files", "committed"]


class Files(TransactionalSinkFunction[Any]):
    """Writes a file for each transaction; what is committed has lost its suffix ``held``.

    Args:
        folder: Where.
        note: Called with the name of each call, and what it got.
    """

    def __init__(self, folder: str, note: Callable[[str, Any], object]) -> None:
        super().__init__()
        self.folder: Path = Path(folder)
        self.note = note
        self.records: list[str] = []

    def recover(self, handles: Sequence[str]) -> None:
        """Show what was decided, and remove the rest."""
        self.note("recover", list(handles))
        index, count = self.ctx.parallel_index, self.ctx.parallelism
        for handle in handles:
            # A state of another number of instances goes to all; each takes its share.
            if int(handle.split("-")[0]) % count == index:
                self._show(handle)
        for held in self.folder.glob("*.held"):
            if int(held.name.split("-")[0]) % count == index:
                held.unlink(missing_ok=True)

    def open(self) -> None:
        """Note the call."""
        self.note("open", None)

    def begin(self) -> None:
        """Forget the records of the transaction before."""
        self.note("begin", None)
        self.records = []

    def execute(self, data: Any) -> None:
        """Take a record."""
        self.records.append(str(data))

    def pre_commit(self, epoch: int) -> str | None:
        """Write the records, invisible."""
        self.note("pre_commit", epoch)
        if not self.records:
            return None
        name = f"{self.ctx.parallel_index}-{epoch}"
        (self.folder / f"{name}.held").write_text("\n".join(self.records), encoding="utf-8")
        return name

    def commit(self, handle: str) -> None:
        """Make them visible."""
        self.note("commit", handle)
        self._show(handle)

    def abort(self) -> None:
        """Forget the records."""
        self.note("abort", None)
        self.records = []

    def close(self) -> None:
        """Note the call."""
        self.note("close", None)

    def _show(self, handle: str) -> None:
        held = self.folder / f"{handle}.held"
        if held.exists():
            held.rename(self.folder / handle)


def committed(folder: Path) -> list[str]:
    """Return the records that another program would read, sorted as numbers."""
    files = [path for path in folder.iterdir() if path.suffix != ".held"]
    lines = [line for path in files for line in path.read_text(encoding="utf-8").split("\n")]
    return sorted(lines, key=int)
