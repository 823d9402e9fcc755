"""Kernels whose every answer is right, and which are wrong past their interface."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from sage_kernel_api.errors import StoreLockedError
from sage_kernel_api.lifecycle import CheckpointConfig
from sage_kernel_api.values import Capability
from sage_kernel_default import DefaultKernelFacade
from sage_kernel_default.checkpoint import CheckpointStore, OpenedJob
from sage_kernel_default.checkpoint.disk import FolderLock
from sage_kernel_default.checkpoint.real_disk import RealDisk
from sage_kernel_default.jobs.stores import store_in_files
from tests.conformance.doors import DefaultDoors, MockDoors
from tests.conformance.wrong_kernels.faults import fault, on_tasks


class _LateStore:
    """Keeps its files elsewhere, and brings them to their place when it is closed."""

    def __init__(self, config: CheckpointConfig) -> None:
        self._place = Path(config["directory"])
        self._elsewhere = Path(tempfile.mkdtemp(prefix="late-store-"))
        self._store = store_in_files({**config, "directory": str(self._elsewhere / "files")})
        self._lock: FolderLock | None = None

    def open(self, job_name: str) -> OpenedJob:
        """Begin with what lies in the right place."""
        self._place.mkdir(parents=True, exist_ok=True)
        self._lock = RealDisk().lock(self._place)
        if self._lock is None:
            raise StoreLockedError(f"{self._place} is in use.")
        shutil.copytree(self._place, self._elsewhere / "files", dirs_exist_ok=True)
        return self._store.open(job_name)

    def close(self) -> None:
        """Bring everything where it was said to be all the time."""
        self._store.close()
        if self._elsewhere.exists():
            shutil.copytree(self._elsewhere / "files", self._place, dirs_exist_ok=True)
            shutil.rmtree(self._elsewhere)
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _late_store(config: CheckpointConfig) -> CheckpointStore:
    store: Any = _LateStore(config)
    return store  # type: ignore[no-any-return]  # all that it lacks, the store within has


@fault(Capability.CHECKPOINTS, "a_crash_keeps_the_checkpoint_and_nothing_else", DefaultDoors)
def writes_its_checkpoints_when_it_is_shut_down() -> Any:
    return DefaultKernelFacade(make_store=_late_store)


@fault(Capability.KEYED_STATE, "a_value_is_in_the_kernels_table_at_once", lambda _: MockDoors())
def answers_from_a_cache_and_keeps_nothing() -> Any:
    def spoil(task: Any) -> None:
        caches: dict[str, dict[Any, Any]] = {}
        task.context.keyed_state.table = lambda name: caches.setdefault(name, {})

    return on_tasks(spoil)
