"""Must show 7 of the first issue: what ``import sage_kernel_api`` loads, and how long it takes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_FORBIDDEN = {
    *("sage_kernel_default", "sage_kernel_mock", "sage_kernel_echo"),
    *("pytest", "_pytest", "click", "typer", "rich"),
}


def test_importing_the_api_loads_no_kernel_no_pytest_and_no_command_line_library() -> None:
    """Every program pays for what an import loads."""
    code = "import sys, json, sage_kernel_api; print(json.dumps(sorted(sys.modules)))"

    loaded = {name.split(".")[0] for name in json.loads(_run(code))}

    assert loaded & _FORBIDDEN == set()


def test_the_import_time_is_shown_as_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    """The figure is for people: a busy machine must not fail the suite."""
    ours = min(_import_s("sage_kernel_api") for _ in range(5))
    reference = min(_import_s("logging, json, typing") for _ in range(5))

    with capsys.disabled():
        print(
            f"\nimport sage_kernel_api: {ours * 1e3:.1f} ms; logging, json, typing: "
            f"{reference * 1e3:.1f} ms; ratio {ours / reference:.2f}"
        )

    assert ours > 0


def _import_s(modules: str) -> float:
    code = f"import time; t = time.perf_counter(); import {modules}; print(time.perf_counter() - t)"
    return float(_run(code))


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout
