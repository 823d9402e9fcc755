"""Turn generated source text into a function that tracebacks can show.

Layer: engine.
"""

from __future__ import annotations

import linecache
import zlib
from functools import lru_cache
from types import CodeType
from typing import Any

__all__ = ["load_function"]

_KEPT = 256
"""Sources that stay visible to tracebacks; many jobs share one."""


def load_function(source: str, name: str, namespace: dict[str, Any]) -> Any:
    """Execute *source* in *namespace* and return what it defines as *name*."""
    # Frames of the loop are ours to whoever looks for the user's line.
    namespace["__name__"] = __name__
    exec(_compiled(source), namespace)
    return namespace[name]


@lru_cache(maxsize=_KEPT)
def _compiled(source: str) -> CodeType:
    # The name depends on the text alone, so equal loops of many jobs share one entry.
    filename = f"<sage-kernel loop {zlib.crc32(source.encode()):08x}>"
    _forget_old_sources()
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return compile(source, filename, "exec")


def _forget_old_sources() -> None:
    ours = [name for name in linecache.cache if name.startswith("<sage-kernel loop ")]
    for name in ours[: max(0, len(ours) - _KEPT + 1)]:
        linecache.cache.pop(name, None)
