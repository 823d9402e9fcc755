"""Tell observers what kernels do; what they do about it disturbs nobody.

Layer: plugins. Kernels call ``notify_*``; users call `add_observer`.

Observers are called in the order in which they were added, each by itself. What one raises
(`SystemExit` too, only `KeyboardInterrupt` passes) is logged as a warning with its traceback
to ``logging.getLogger("sage_kernel")``, which reaches stderr if nobody configured logging;
the next observer is called, and the job runs on. Installed observers (entry-point group
``sage_kernel.observers``) are imported when the first kernel of the process starts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sage_kernel_api.plugins.hooks import ObserverHooks
from sage_kernel_api.plugins.transport import plug_in

if TYPE_CHECKING:
    import pluggy

    from sage_kernel_api.storage import CheckpointStatus
    from sage_kernel_api.values import JobStatus

__all__ = [
    "OBSERVER_GROUP",
    "add_observer",
    "notify_checkpoint_completed",
    "notify_job_status",
    "notify_kernel_started",
    "notify_kernel_stopped",
    "remove_observer",
]

OBSERVER_GROUP: Final = "sage_kernel.observers"
_LOG: Final = logging.getLogger("sage_kernel")


class _Observers:
    """The observers of this process. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: tuple[tuple[object, pluggy.PluginManager], ...] = ()
        self._has_loaded = False

    def add(self, observer: object) -> None:
        manager = plug_in(observer, ObserverHooks, what=f"Observer {_name_of(observer)}")
        with self._lock:
            if all(known is not observer for known, _ in self._entries):
                self._entries = (*self._entries, (observer, manager))

    def remove(self, observer: object) -> bool:
        with self._lock:
            left = tuple(entry for entry in self._entries if entry[0] is not observer)
            was_there = len(left) < len(self._entries)
            self._entries = left
            return was_there

    def load_installed(self) -> None:
        with self._lock:
            if self._has_loaded:
                return
            # Set first: an observer that starts a kernel at import must not come here again.
            self._has_loaded = True
            _load_installed(self.add)

    @property
    def are_there(self) -> bool:
        return bool(self._entries)

    def tell(self, what: str, call: Callable[[pluggy.PluginManager], object]) -> None:
        # A tuple: observers may add and remove others while they are called.
        for observer, manager in self._entries:
            try:
                call(manager)
            except KeyboardInterrupt:
                raise
            except BaseException:  # noqa: BLE001 - an observer must never disturb a job
                _LOG.warning("Observer %s failed in %s", _name_of(observer), what, exc_info=True)


_OBSERVERS: Final = _Observers()


def add_observer(observer: object) -> None:
    """Call *observer* from now on, for every kernel of this process.

    Args:
        observer: An object or module with one or more ``sage_kernel_started``,
            ``sage_job_status``, ``sage_checkpoint_completed``, ``sage_kernel_stopped``, marked
            by ``@hookimpl``. Adding it twice has no further effect.

    Raises:
        KernelContractError: It has no such method, or a misspelt one. It was not added.

    Example:
        >>> from sage_kernel_api.plugins import hookimpl
        >>> class Printer:
        ...     @hookimpl
        ...     def sage_kernel_stopped(self, kernel_name: str) -> None:
        ...         print(kernel_name, "has stopped")
        >>> printer = Printer()
        >>> add_observer(printer)
        >>> notify_kernel_stopped("mock")
        mock has stopped
        >>> remove_observer(printer)
        True
    """
    _OBSERVERS.add(observer)


def remove_observer(observer: object) -> bool:
    """Call *observer* no more. Returns False if it was not there."""
    return _OBSERVERS.remove(observer)


def notify_kernel_started(kernel_name: str) -> None:
    """Tell observers that a kernel is in use: for kernels, at their first job or service."""
    _OBSERVERS.load_installed()
    _OBSERVERS.tell(
        "sage_kernel_started",
        lambda manager: manager.hook.sage_kernel_started(kernel_name=kernel_name),
    )


def notify_job_status(kernel_name: str, status: JobStatus | Callable[[], JobStatus]) -> None:
    """Tell observers that a job has entered another state: for kernels, after each move.

    Args:
        kernel_name: Name of the kernel.
        status: A look at the job, or a function that takes one; it is called once, on this thread,
            and only if there are observers.
    """
    if not _OBSERVERS.are_there:
        return
    look = status() if callable(status) else status
    _OBSERVERS.tell(
        "sage_job_status",
        lambda manager: manager.hook.sage_job_status(kernel_name=kernel_name, status=look),
    )


def notify_checkpoint_completed(kernel_name: str, checkpoint: CheckpointStatus) -> None:
    """Tell observers that a checkpoint is complete: for kernels, once it is durable."""
    _OBSERVERS.tell(
        "sage_checkpoint_completed",
        lambda manager: manager.hook.sage_checkpoint_completed(
            kernel_name=kernel_name, checkpoint=checkpoint
        ),
    )


def notify_kernel_stopped(kernel_name: str) -> None:
    """Tell observers that a kernel has shut down: for kernels, as the last act of ``shutdown``."""
    _OBSERVERS.tell(
        "sage_kernel_stopped",
        lambda manager: manager.hook.sage_kernel_stopped(kernel_name=kernel_name),
    )


def _load_installed(add: Callable[[object], None]) -> None:
    from sage_kernel_api.plugins.entries import scan
    from sage_kernel_api.plugins.importing import import_entry

    for entry in scan(OBSERVER_GROUP).entries:
        try:
            add(import_entry(entry))
        except Exception:  # noqa: BLE001 - a broken observer plugin must not stop a kernel
            _LOG.warning("Observer plugin %s cannot be loaded", entry.label, exc_info=True)


def _name_of(observer: object) -> str:
    return str(getattr(observer, "__name__", None) or type(observer).__qualname__)
