"""Do things in order on a thread of their own, for those who must not wait.

Layer: lanes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

__all__ = ["Courier"]


class Courier:
    """A queue of errands and the thread that runs them, made when the first one comes.

    Errands must not raise.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._errands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def post(self, errand: Callable[[], None]) -> None:
        """Have *errand* run after all before it; forgotten after `close`."""
        with self._lock:
            if self._is_closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._errands.put(errand)

    def close(self, timeout_s: float | None = None) -> None:
        """Take no more, and wait for what was posted."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            self._errands.put(None)
            thread.join(timeout_s)

    def _run(self) -> None:
        while (errand := self._errands.get()) is not None:
            errand()
