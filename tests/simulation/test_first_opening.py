"""A store that was begun and given up must not stand in the way of the next one."""

from __future__ import annotations

import errno
from pathlib import Path
from random import Random

import pytest

from sage_kernel_api.errors import CheckpointError
from sage_kernel_default import SimulatedDriver
from sage_kernel_default.checkpoint.sqlite_store import SqliteCheckpointStore
from sage_kernel_default.lanes.mishaps import WorldEnd
from sage_kernel_default.simulation import Machine, SimulatedDisk
from sage_kernel_default.simulation.trouble import FINE, DiskTroubles, Trouble

_CUTS = (0, 1, 2, 13, 45, 52)
"""Some that leave nothing of the first store, and some that bring its mark back."""


class Once(DiskTroubles):
    """Something happens to the first operation whose name has these words."""

    life = 0

    def __init__(self, words: str, trouble: Trouble) -> None:
        self.words = words
        self.trouble = trouble
        self.has_hit = False

    def before_operation(self, name: str, *, by_lane: bool) -> Trouble:
        if self.has_hit or self.words not in name:
            return FINE
        self.has_hit = True
        return self.trouble


def store(machine: Machine, troubles: DiskTroubles) -> SqliteCheckpointStore:
    disk = SimulatedDisk(machine, SimulatedDriver(0), troubles, lambda *_: None, "process")
    return SqliteCheckpointStore(machine.root, disk, now_s=lambda: 0.0)


@pytest.mark.parametrize(
    "dies_at", ["CREATE TABLE", "PRAGMA application_id", "COMMIT", "write high-water.next"]
)
def test_r3_a_mark_that_was_taken_back_stays_away_over_a_power_cut(
    tmp_path: Path, dies_at: str
) -> None:
    """It came back beside the next store's database, which was then refused as somebody else's."""
    for number in _CUTS:
        root = tmp_path / str(number)
        root.mkdir()
        machine = Machine(root, Random(number))
        failing = Once("rename high-water.next", Trouble("error", "after", errno.EIO))
        with pytest.raises(CheckpointError):
            store(machine, failing).open("job")
        dying = Once(dies_at, Trouble("crash", "after"))
        with pytest.raises(WorldEnd):
            store(machine, dying).open("job")
        assert failing.has_hit
        assert dying.has_hit
        machine.crash(is_power_cut=True)

        opened = store(machine, Once("nothing", FINE))

        assert opened.open("job").latest is None
        opened.close()
