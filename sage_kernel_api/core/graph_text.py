"""Texts inside of Mermaid and Graphviz pictures, so that no name breaks them.

Layer: core. Pure.
"""

from __future__ import annotations

from typing import Final

__all__ = ["dot_text", "mermaid_text"]

# Labels are Markdown and HTML to Mermaid, and "#" begins an entity.
_ENTITIES: Final = str.maketrans(
    {'"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "#": "#35;", "`": "#96;", "\n": " "}
)


def mermaid_text(text: str) -> str:
    """Return *text* as it must stand inside of a quoted Mermaid label."""
    return text.translate(_ENTITIES)


def dot_text(text: str) -> str:
    """Return *text* as a quoted Graphviz string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
