"""The types whose values every format has, and that nobody can change in place.

Layer: storage. Imports nothing: process lanes load it also where they load no codec.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["SCALARS"]

SCALARS: Final[frozenset[type[Any]]] = frozenset({type(None), bool, int, float, str, bytes})
"""What MessagePack has itself, and gives back with the type that it took; not their subclasses."""
