"""Bugs that are planted, each through a seam: what the simulation must find."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, cast

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.lifecycle import CheckpointConfig, PipelineConfig
from sage_kernel_default import SimulatedDriver
from sage_kernel_default.checkpoint import (
    CheckpointStore,
    EpochInfo,
    EpochRecord,
    OpenedJob,
    RestoredJob,
)
from sage_kernel_default.engine import Barrier, Bell, Channel, Frame, Mark
from sage_kernel_default.lanes.mishaps import Mishaps
from sage_kernel_default.lanes.simulated_channel import DelayedChannel
from sage_kernel_default.lanes.virtual import World
from sage_kernel_default.simulation import MakeStore, SimulatedDisk, SimulatedKernel, Stage
from tests.simulation.disk_sink import DiskSink
from tests.simulation.workloads import WORKLOADS, Workload, numbered

__all__ = ["BUGS", "Plant"]


class _Store(CheckpointStore):
    """Passes everything on."""

    def __init__(self, store: CheckpointStore) -> None:
        self.store = store

    def open(self, job_name: str) -> OpenedJob:
        return self.store.open(job_name)

    def load(self, epoch: int | None = None) -> RestoredJob:
        return self.store.load(epoch)

    def commit(self, record: EpochRecord) -> EpochInfo:
        return self.store.commit(record)

    def epochs(self) -> list[EpochInfo]:
        return self.store.epochs()

    def delete(self, epoch: int) -> bool:
        return self.store.delete(epoch)

    def close(self) -> None:
        self.store.close()


class _AnswersEarly(_Store):
    """Says that an epoch is complete, and stores it when the next one comes."""

    held: EpochRecord | None = None

    def commit(self, record: EpochRecord) -> EpochInfo:
        self._store_held()
        self.held = record
        return EpochInfo(record.epoch, 0.0, 0, 0, record.is_final, record.metadata)

    def load(self, epoch: int | None = None) -> RestoredJob:
        self._store_held()
        return super().load(epoch)

    def close(self) -> None:
        self._store_held()
        super().close()

    def _store_held(self) -> None:
        held, self.held = self.held, None
        if held is not None:
            self.store.commit(held)


def commit_before_state(stage: Stage) -> Stage:
    """Sinks commit before the state that belongs to it is durable."""
    return replace(stage, wrap_store=_AnswersEarly)


class _KeepsPositionsApart(_Store):
    """Stores the positions of sources before the state, in another place."""

    def __init__(self, store: CheckpointStore, positions: dict[tuple[str, int], Any]) -> None:
        super().__init__(store)
        self._positions = positions

    def commit(self, record: EpochRecord) -> EpochInfo:
        for one in record.snapshots:
            if one.step == "numbers":
                self._positions[one.step, one.index] = one.operator
        return super().commit(record)

    def load(self, epoch: int | None = None) -> RestoredJob:
        job = super().load(epoch)
        steps = {
            step: [
                replace(one, operator=self._positions.get((step, one.index), one.operator))
                for one in snapshots
            ]
            for step, snapshots in job.steps.items()
        }
        return RestoredJob(job.info, steps)


def position_apart_from_state(stage: Stage) -> Stage:
    """Positions and state are two writes, and a crash comes between them."""
    positions: dict[tuple[str, int], Any] = {}
    return replace(stage, wrap_store=lambda store: _KeepsPositionsApart(store, positions))


class _Unaligned(DelayedChannel):
    """Brings its barrier as soon as any other input of its reader has brought one."""

    def __init__(
        self,
        name: str,
        capacity: int | None,
        writer: Bell,
        reader: Bell,
        world: World,
        latest: dict[Bell, int],
    ) -> None:
        super().__init__(name, capacity, writer, reader, world)
        self._latest = latest
        self._own_reader = reader
        self._given = 0

    def take(self) -> Frame | Mark | None:
        if (latest := self._latest.get(self._own_reader, 0)) > self._given:
            self._given = latest
            return Barrier(latest)
        item = super().take()
        if isinstance(item, Barrier):
            if item.epoch <= self._given:
                return self.take()
            self._given = self._latest[self._own_reader] = item.epoch
        return item


class _UnalignedWorld(SimulatedDriver):
    def __init__(self, seed: int, mishaps: Mishaps | None = None, *, start_s: float = 0.0) -> None:
        super().__init__(seed, mishaps, start_s=start_s)
        self._latest: dict[Bell, int] = {}

    def make_channel(self, name: str, capacity: int | None, writer: Bell, reader: Bell) -> Channel:
        return _Unaligned(name, capacity, writer, reader, self, self._latest)


def barrier_not_aligned(stage: Stage) -> Stage:
    """A task takes its snapshot when the first barrier comes."""
    return replace(
        stage,
        make_world=lambda seed, mishaps, start_s: _UnalignedWorld(seed, mishaps, start_s=start_s),
    )


class _GuessableSink(DiskSink):
    """Appends each record to a pending file whose name an attempt that was given up has, too.

    So what comes late lands in the transaction of its successor.
    """

    number = 0

    def execute(self, data: Any) -> None:
        path = self.pending(self._name)
        self.disk.write(path, (self.disk.read(path) or b"") + f"{json.dumps(data)}\n".encode())

    def pre_commit(self, epoch: int) -> str | None:
        name = self._name
        if self.disk.read(self.pending(name)) is None:
            return None
        self.disk.sync_folder(self.folder)
        self.number += 1
        return name

    @property
    def _name(self) -> str:
        return f"{self.ctx.parallel_index}-{self.number}.part"

    def recover(self, handles: Sequence[str]) -> None:
        for handle in handles:
            self.commit(handle)
        for name in self.disk.names(self.folder):
            if name.startswith("pending-"):
                self.disk.remove(self.folder / name)
        mine = f"{self.ctx.parallel_index}-"
        done = [name for name in self.disk.names(self.folder) if name.startswith(mine)]
        self.number = max((int(name[len(mine) : -len(".part")]) + 1 for name in done), default=0)


def _with_guessable_sink(env: LocalEnvironment, disk: SimulatedDisk, out: Path) -> None:
    numbered(env).sink(_GuessableSink, disk, out, parallelism=1)


def routing_by_hash(stage: Stage) -> Stage:
    """Keys go where `hash` says, which is another place in each process."""
    processes: list[SimulatedDisk] = []

    def make_pipeline(disk: SimulatedDisk) -> PipelineConfig:
        if disk not in processes:
            processes.append(disk)
        salt = len(processes)
        config = cast("dict[str, Any]", dict(stage.make_pipeline(disk)))
        config["transformations"] = [
            {**step, "inputs": [_by_hash(one, salt) for one in step["inputs"]]}
            for step in config["transformations"]
        ]
        return cast("PipelineConfig", config)

    return replace(stage, make_pipeline=make_pipeline)


def _by_hash(edge: dict[str, Any], salt: int) -> dict[str, Any]:
    if edge["partitioning"] != "hash":
        return edge

    def by_hash(record: tuple[Any, int], instances: int) -> int:
        # As a string's hash in a process with another PYTHONHASHSEED; the same in each test.
        return sum(f"{salt * 7}{record[0]!r}".encode()) // 3 % instances

    return {**edge, "partitioning": "custom", "partitioner": by_hash}


def restart_from_zero(stage: Stage) -> Stage:
    """Each process begins anew, as if nobody had been there before."""
    processes: list[SimulatedDriver] = []

    def make(
        world: SimulatedDriver, make_store: MakeStore, frame_size: int, capacity: int
    ) -> SimulatedKernel:
        if world not in processes:
            processes.append(world)
        number = len(processes)

        def elsewhere(config: CheckpointConfig) -> CheckpointStore:
            return make_store({**config, "directory": f"{config['directory']}-{number}"})

        return stage.make_kernel(world, elsewhere, frame_size, capacity)

    return replace(stage, make_kernel=make)


def _as_it_is(stage: Stage) -> Stage:
    return stage


Plant: TypeAlias = Callable[[Stage], Stage]

BUGS: dict[str, tuple[Workload, Plant]] = {
    "commit before state": (WORKLOADS["stateless"], commit_before_state),
    "position apart from state": (WORKLOADS["keyed"], position_apart_from_state),
    "barrier not aligned": (WORKLOADS["keyed"], barrier_not_aligned),
    "late zombie write accepted": (
        replace(WORKLOADS["keyed"], build=_with_guessable_sink),
        _as_it_is,
    ),
    "routing by hash()": (WORKLOADS["keyed"], routing_by_hash),
    "restart from zero": (WORKLOADS["stateless"], restart_from_zero),
}
"""By what is wrong: a workload in which it shows, and what plants it there."""
