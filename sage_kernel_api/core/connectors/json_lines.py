"""JSON Lines: one JSON value per line.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, TypeVar

import msgspec

from sage_kernel_api.core.connectors.record_types import check_record_type
from sage_kernel_api.core.connectors.split_source import SplitFileSource
from sage_kernel_api.values import Payload

__all__ = ["JsonLinesSource"]

O_co = TypeVar("O_co", covariant=True)


class JsonLinesSource(SplitFileSource[O_co]):
    """Gives the values of a file of JSON Lines (UTF-8). Blank lines are no records.

    Args:
        path: Of a regular file.
        record_type: What every line must be, as `msgspec` reads it: a dataclass, TypedDict,
            ``msgspec.Struct``, or any built-in or generic type. None for anything.
        options: See `SplitFileSource`.

    Raises:
        PipelineError: `msgspec` cannot read that type.

    Source:
        https://jsonlines.org
    """

    def __init__(self, path: str | PathLike[str], record_type: Any = None, **options: Any) -> None:
        super().__init__(path, "utf-8-sig", **options)
        check_record_type(record_type, "Lines of JSON")
        self._decode = msgspec.json.Decoder(Any if record_type is None else record_type).decode

    def records_of(self, block: bytes) -> tuple[Sequence[Payload], Sequence[int] | None]:
        """Decode all lines, and only if one fails look which."""
        decode = self._decode
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        try:
            return [decode(line) for line in lines], None
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        records: list[Payload] = []
        ends: list[int] = []
        end = 0
        for line in lines:
            begin, end = end, min(end + len(line) + 1, len(block))
            if not line.strip():
                continue
            try:
                records.append(decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                records.append(self.bad(begin, line, str(error)))
            ends.append(end)
        return records, ends
