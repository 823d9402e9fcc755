"""Faults from a seed: a simulated machine that crashes, its disk, and the lives of a job on it."""

from sage_kernel_default.simulation.faults import KINDS, Scale, SeededFaults
from sage_kernel_default.simulation.history import History
from sage_kernel_default.simulation.lives import Lives
from sage_kernel_default.simulation.machine import Machine
from sage_kernel_default.simulation.simulated_disk import SimulatedDisk
from sage_kernel_default.simulation.stage import MakeStore, SimulatedKernel, Stage

__all__ = [
    "KINDS",
    "History",
    "Lives",
    "Machine",
    "MakeStore",
    "Scale",
    "SeededFaults",
    "SimulatedDisk",
    "SimulatedKernel",
    "Stage",
]
