"""Turn generated source text into a function that tracebacks can show.

Layer: engine.
"""

from __future__ import annotations

import linecache
import threading
import zlib
from collections import OrderedDict
from types import CodeType
from typing import Any

__all__ = ["load_function"]

_KEPT = 256
"""Sources that stay visible to tracebacks; many jobs share one."""


def load_function(source: str, name: str, namespace: dict[str, Any]) -> Any:
    """Execute *source* in *namespace* and return what it defines as *name*.

    Any thread may call this; lanes compile their loops all at once.
    """
    # Frames of the loop are ours to whoever looks for the user's line.
    namespace["__name__"] = __name__
    exec(_CODES.of(source), namespace)
    return namespace[name]


class _Codes:
    """The code objects of the last sources, each as long as `linecache` shows its lines."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_source: OrderedDict[str, CodeType] = OrderedDict()

    def of(self, source: str) -> CodeType:
        """The code of *source*, compiled at most once while it is kept."""
        with self._lock:
            code = self._by_source.get(source)
            if code is None:
                code = self._by_source[source] = _compiled(source)
                if len(self._by_source) > _KEPT:
                    _, oldest = self._by_source.popitem(last=False)
                    linecache.cache.pop(oldest.co_filename, None)
            self._by_source.move_to_end(source)
            return code


_CODES = _Codes()


def _compiled(source: str) -> CodeType:
    # The name depends on the text alone, so equal loops of many jobs share one entry.
    filename = f"<sage-kernel loop {zlib.crc32(source.encode()):08x}>"
    # Shared with all threads of the program, so never iterated over: another may add to it.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return compile(source, filename, "exec")
