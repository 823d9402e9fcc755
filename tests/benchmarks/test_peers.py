"""The line to a peer's process, and the environment of the peers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.peers.client import PeerError, PeerProcess, RemoteSide
from benchmarks.peers.environment import REQUIREMENTS, default_directory, find_or_create
from benchmarks.peers.session import PEERS

HERE = Path(sys.executable)


def test_a_worker_does_a_case_and_tells_its_memory() -> None:
    """The peers' figures come over this line only."""
    with PeerProcess("local", HERE) as process:
        offer = process.ask({"do": "describe"})
        side = RemoteSide(process, "chain/class", 0, "hand", "")
        sample = side.run(100)

    assert offer["runs"]["chain/class"][0] == {"variant": "", "side": "hand"}
    assert sample.operations == 100
    assert sample.outcome.startswith("50:")
    assert side.peak_bytes is not None


def test_a_failing_request_leaves_the_worker_usable() -> None:
    """One case that a peer cannot do must not cost its other cases."""
    with PeerProcess("local", HERE) as process:
        with pytest.raises(PeerError, match="KeyError"):
            process.ask({"do": "run", "case": "no/such", "number": 0, "size": 1})

        assert process.ask({"do": "describe"})["version"]


def test_a_peer_that_is_not_installed_says_so() -> None:
    """The reason goes into the table as it is."""
    with PeerProcess("bytewax", HERE) as process, pytest.raises(PeerError, match="No module named"):
        process.ask({"do": "describe"})


def test_a_worker_that_cannot_start_is_an_error_with_its_last_words() -> None:
    """A hanging or silent failure would stop the whole run."""
    silent = Path("/bin/false")

    with PeerProcess("any", silent) as process, pytest.raises(PeerError, match="ended with code 1"):
        process.ask({"do": "describe"})


def test_an_environment_that_is_there_is_used_as_it_is(tmp_path: Path) -> None:
    """Whoever prepared one by hand does not want it changed."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()

    found = find_or_create(tmp_path)

    assert found.python == python
    assert not found.failures
    assert sorted(tmp_path.iterdir()) == [python.parent]


def test_failed_installations_are_remembered(tmp_path: Path) -> None:
    """The table names them each time, not only when the environment was made."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / "sage-kernel-peers.json").write_text('{"ray": "no matching distribution"}')

    assert find_or_create(tmp_path).failures == {"ray": "no matching distribution"}


def test_every_peer_is_pinned() -> None:
    """Ratios against "the latest" cannot be compared with last month's."""
    pinned = {
        line.partition("==")[0]
        for line in REQUIREMENTS.read_text().splitlines()
        if "==" in line and not line.startswith("#")
    }

    assert pinned == set(PEERS.values())


def test_the_environment_lies_outside_of_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is large, and no part of what is checked, built or committed."""
    monkeypatch.delenv("SAGE_KERNEL_PEERS_ENV", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert default_directory().parent == tmp_path / "sage-kernel"

    monkeypatch.setenv("SAGE_KERNEL_PEERS_ENV", str(tmp_path / "mine"))
    assert default_directory() == tmp_path / "mine"
