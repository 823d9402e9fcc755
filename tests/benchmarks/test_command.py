"""``python -m benchmarks`` as people call it, at tiny sizes."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def measured(path: Path, *words: str) -> dict[str, Any]:
    done = run(*words, "--quick", "--repetitions", "2", "--json", str(path))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(path.read_text())
    return found


QUICK = ("chain",)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in WORKLOADS]
)
def test_a_workload_runs_on_the_default_kernel_with_the_right_result(
    name: str, tmp_path: Path
) -> None:
    """Figures of a pipeline that does something else than the loop beside it are worthless."""
    found = measured(tmp_path / "out.json", name, "--no-peers", "--no-memory")

    for case in found["cases"]:
        sides = {side["side"]: side for side in case["sides"]}
        ours = sides["sage"]
        assert case["sides"][0]["side"] == case["baseline"]
        assert ours["reason"] is None
        assert ours["ratio"]["low"] <= ours["ratio"]["median"] <= ours["ratio"]["high"]


@pytest.mark.slow
def test_the_document_has_the_promised_shape(tmp_path: Path) -> None:
    """Whoever draws curves from it over months relies on these names."""
    found = measured(tmp_path / "out.json", "import", "--no-peers")

    assert set(found) == {"format", "machine", "kernel", "peers", "cases"}
    assert found["format"] == 1
    assert {"system", "cores", "python"} <= set(found["machine"])
    for case in found["cases"]:
        assert set(case) == {"workload", "case", "unit", "measure", "baseline", "sides", "aims"}
        for side in case["sides"]:
            assert set(side) == {
                "side",
                "settings",
                "size",
                "reason",
                "seconds_per_operation",
                "ratio",
                "peak_bytes",
                "details",
            }
            assert set(side["ratio"]) == {"median", "low", "high"}
            assert len(side["seconds_per_operation"]) == 2
            assert side["peak_bytes"] >= 0
    for aim in found["cases"][0]["aims"]:
        assert set(aim) == {"text", "value", "met", "compared_with"}


def test_peers_that_cannot_run_are_shown_with_the_reason(tmp_path: Path) -> None:
    """A peer that silently drops out of the table makes us look better than we are."""
    empty = tmp_path / "environment"
    venv.create(empty, with_pip=False, symlinks=True)

    found = measured(tmp_path / "out.json", "fanout", "--peers-env", str(empty), "--no-memory")

    peers = {side["side"]: side["reason"] for side in found["cases"][0]["sides"][2:]}
    assert set(peers) == {"bytewax", "streamz", "beam", "isage", "ray"}
    assert all("cannot run: ModuleNotFoundError" in reason for reason in peers.values())


def test_peers_left_out_on_purpose_are_shown_as_such(tmp_path: Path) -> None:
    """A reader has to see that the comparison was not made."""
    found = measured(tmp_path / "out.json", "fanout", "--no-peers", "--no-memory")

    reasons = {side["reason"] for side in found["cases"][0]["sides"][2:]}
    assert reasons == {"left out by --no-peers"}


def test_an_unknown_workload_is_refused_with_the_known_ones() -> None:
    """A misspelt name must not end in an empty table."""
    done = run("chian")

    assert done.returncode == 2
    assert "no workload named chian; known: chain, keyed" in done.stderr
