"""A simulated run as the contract has it: one call, one report.

Layer: simulation.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sage_kernel_api.lifecycle import PipelineConfig
from sage_kernel_api.values import SimulationReport
from sage_kernel_default.lanes.simulated import SimulatedDriver
from sage_kernel_default.simulation.faults import Scale
from sage_kernel_default.simulation.lives import Lives
from sage_kernel_default.simulation.stage import MakeStore, SimulatedKernel, Stage

__all__ = ["simulate"]


def simulate(
    make_kernel: Callable[[SimulatedDriver, MakeStore, int, int], SimulatedKernel],
    make_pipeline: Callable[[], PipelineConfig],
    look: Callable[[bool], Sequence[str]],
    seed: int,
    reference: SimulationReport | None,
) -> SimulationReport:
    """Run one seed; see `SupportsSimulation`."""
    stage = Stage(make_kernel, lambda _: make_pipeline(), lambda is_end: list(look(is_end)))
    scale = None if reference is None else Scale(reference.turns, reference.operations)
    with tempfile.TemporaryDirectory(prefix="sage-simulated-") as folder, _silence():
        lives = Lives(seed, stage, Path(folder), scale)
        history = lives.run()
    return SimulationReport(
        seed,
        history.hash,
        history.lives,
        lives.scale.turns,
        lives.scale.operations,
        {kind: count for kind, count in lives.faults.hits.items() if count},
        tuple(history.problems),
        tuple(history.events),
    )


@contextmanager
def _silence() -> Iterator[None]:
    """Let nobody be warned of failures that are wanted."""
    logger = logging.getLogger("sage_kernel")
    was_disabled, logger.disabled = logger.disabled, True
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.disabled = was_disabled
        logger.setLevel(level)
