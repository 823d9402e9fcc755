"""A folder for tests that sync thousands of times."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sage_kernel_default.checkpoint import layers


@pytest.fixture(autouse=True, scope="module")
def small_tables_share_keys() -> Iterator[None]:
    """Let tables of a few keys do what large ones do: damage and faults must find it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "SHARE_KEYS_FROM", 10)
        yield


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """Return a folder in memory, where there is one: nothing here is about power cuts."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="sage-kernel-", dir=place))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def fast_path(memory: Path) -> Iterator[Path]:
    """Return a folder of the test's own in memory."""
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder
    shutil.rmtree(folder)
