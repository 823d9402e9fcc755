"""What a simulated run is given: the job, the kernels that run it, and who judges the output.

Layer: simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sage_kernel_api.lifecycle import CheckpointConfig, PipelineConfig
from sage_kernel_default.checkpoint import CheckpointStore
from sage_kernel_default.jobs import LocalJobManager
from sage_kernel_default.lanes.mishaps import Mishaps
from sage_kernel_default.lanes.simulated import SimulatedDriver
from sage_kernel_default.simulation.faults import KINDS
from sage_kernel_default.simulation.simulated_disk import SimulatedDisk

__all__ = ["MakeStore", "SimulatedKernel", "Stage"]

MakeStore: TypeAlias = Callable[[CheckpointConfig], CheckpointStore]


class SimulatedKernel(Protocol):
    """What a run needs of a kernel."""

    job_manager: LocalJobManager

    def shutdown(self) -> None:
        """Let go of everything."""


def _make_world(seed: int, mishaps: Mishaps, start_s: float) -> SimulatedDriver:
    return SimulatedDriver(seed, mishaps, start_s=start_s)


def _as_it_is(store: CheckpointStore) -> CheckpointStore:
    return store


@dataclass(frozen=True, slots=True)
class Stage:
    """What is run, and by whom it is judged.

    Attributes:
        make_kernel: Makes the kernel of a process: world, stores, frame size, channel capacity.
        make_pipeline: Describes the job anew; functions may use the disk of their process.
        look: Tells what is wrong with the output; the argument: whether it must be complete.
        make_world: Makes the world of a process: seed, mishaps, time; tests bring wrong ones.
        wrap_store: Gets each store; tests make wrong ones of it.
        kinds: Of faults that may come.
    """

    make_kernel: Callable[[SimulatedDriver, MakeStore, int, int], SimulatedKernel]
    make_pipeline: Callable[[SimulatedDisk], PipelineConfig]
    look: Callable[[bool], list[str]]
    make_world: Callable[[int, Mishaps, float], SimulatedDriver] = _make_world
    wrap_store: Callable[[CheckpointStore], CheckpointStore] = _as_it_is
    kinds: Collection[str] = KINDS
