"""Plain tables for a terminal: columns padded with blanks, no lines.

Layer: cli. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["render_table"]

_GAP = "  "


def render_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the table as text, one line per row, without blanks at line ends.

    Args:
        headers: Titles of the columns.
        rows: As many cells each as there are headers.

    Example:
        >>> print(render_table(["name", "steps"], [["imports", "6"], ["a", "12"]]))
        name     steps
        imports  6
        a        12
    """
    lines = [headers, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    return "\n".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
