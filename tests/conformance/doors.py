"""Ways into the project's own kernels, past their interfaces."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.plugins import resolve_kernel
from sage_kernel_api.testing import BackDoors
from sage_kernel_api.values import JobId, Payload

__all__ = ["DefaultDoors", "MockDoors", "doors_of"]


class FileDoors(BackDoors):
    """Reads files where they lie."""

    def read_sink(self, kernel: KernelFacade, path: str | PathLike[str]) -> list[str]:
        """Return what another program would read."""
        found = Path(path)
        return found.read_text(encoding="utf-8").splitlines() if found.exists() else []


class MockDoors(FileDoors):
    """Reads the tables of the mock where they lie."""

    def raw_state(
        self, kernel: KernelFacade, job_id: JobId, step: str, state: str
    ) -> dict[Payload, Payload]:
        """Return the values of all instances of a step."""
        jobs: Any = kernel.job_manager
        return {
            key: value
            for task in jobs._jobs[job_id].run._wiring.tasks
            if task.step["id"] == step
            for key, value in task.context.keyed_state.tables.get(state, {}).items()
        }


class DefaultDoors(FileDoors):
    """Lets the embedded kernel die, and reads the tables of its tasks.

    Args:
        make: Makes another kernel of the same kind.
    """

    def __init__(self, make: Callable[[], KernelFacade]) -> None:
        self._make = make

    def raw_state(
        self, kernel: KernelFacade, job_id: JobId, step: str, state: str
    ) -> dict[Payload, Payload]:
        """Return the values of all instances of a step that runs in this process."""
        jobs: Any = kernel.job_manager
        return {
            key: value
            for view in jobs.job(job_id).attempt.parts.tasks
            for operator in view._task._wiring.operators
            if operator.step.id == step
            for key, value in operator.context.tables.get(state, {}).items()
        }

    def crash(self, kernel: KernelFacade) -> None:
        """End the kernel, with the disk as it is now.

        A simulation just has no turns any more: no function is told. Threads have to be ended;
        whatever that writes to the disk is undone.
        """
        stores = [store for job in _jobs(kernel) if (store := _store(job)) is not None]
        simulation: Any = kernel
        if simulation.simulation is not None:
            for store in stores:
                # It seals its files if all went well, which a power cut does not wait for.
                store._broken = "power cut"
                store.close()
            return
        with tempfile.TemporaryDirectory() as safe:
            folders = {Path(job.parts.durability._config["directory"]) for job in _jobs(kernel)}
            for number, folder in enumerate(folders):
                shutil.copytree(folder, Path(safe) / str(number))
            kernel.shutdown()
            for number, folder in enumerate(folders):
                shutil.rmtree(folder)
                shutil.copytree(Path(safe) / str(number), folder)

    def reopen(self) -> KernelFacade:
        """Return a new one."""
        return self._make()


def doors_of(spec: str) -> BackDoors:
    """Return the ways into the kernel of a spec string; all are closed if it is another's."""
    if spec.startswith("mock"):
        return MockDoors()
    return DefaultDoors(lambda: resolve_kernel(spec)) if spec.startswith("default") else BackDoors()


def _jobs(kernel: KernelFacade) -> list[Any]:
    manager: Any = kernel.job_manager
    return [job for job in manager.jobs() if job.parts.durability is not None]


def _store(job: Any) -> Any:
    return job.parts.durability._store
