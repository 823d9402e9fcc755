"""Kernels whose checkpoint stores outlive them, as a directory would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.lifecycle import CheckpointConfig
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from sage_kernel_default.checkpoint.memory_store import MemoryCheckpointStore
from tests.helpers import no_leaks


class Place:
    """Stands for the disk: stores by directory, which later kernels find again."""

    def __init__(self) -> None:
        self.stores: dict[str, MemoryCheckpointStore] = {}
        self.kernels: list[DefaultKernelFacade] = []

    def make_store(self, config: CheckpointConfig) -> MemoryCheckpointStore:
        retain = config.get("retain", 1)
        return self.stores.setdefault(config["directory"], MemoryCheckpointStore(time.time, retain))

    def kernel(self, **options: Any) -> DefaultKernelFacade:
        """Return a new kernel, as after the death of the one before."""
        chosen = {"frame_size": 16, "channel_capacity": 32, **options}
        facade = DefaultKernelFacade(DefaultOptions(**chosen), make_store=self.make_store)
        self.kernels.append(facade)
        return facade

    def env(self, name: str = "job", **options: Any) -> LocalEnvironment:
        """Return an environment with checkpoints that are taken by hand."""
        env = LocalEnvironment(name, kernel=self.kernel(**options))
        env.enable_checkpointing(3600.0, "/state")
        return env


@pytest.fixture
def place() -> Iterator[Place]:
    with no_leaks():
        place = Place()
        yield place
        for kernel in place.kernels:
            kernel.shutdown()


MakeEnv = Callable[..., LocalEnvironment]
