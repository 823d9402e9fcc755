"""`import`: what ``import sage_kernel_api`` costs, beside three modules of the standard library."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from benchmarks.values import SAGE, Aim, Case, LocalSide, Sample

__all__ = ["cases"]

_Timer: TypeAlias = Callable[[str], float]

_STANDARD = "import logging, json, typing"
_OURS = "import sage_kernel_api"
_FIRST_USE = "from sage_kernel_api import LocalEnvironment"
_AIMS = (Aim(against="standard library", at_most=2.0),)


def cases(kernel: str) -> Sequence[Case]:
    """Return the import alone, the whole process, and the import that programs begin with."""
    return (
        _case("statement", _statement_seconds, _OURS, _AIMS),
        _case("process", _process_seconds, _OURS, _AIMS),
        # The package loads its parts when they are asked for: no aim, but no secret either.
        _case("first-use", _statement_seconds, _FIRST_USE, ()),
    )


def _case(name: str, measure: _Timer, ours: str, aims: tuple[Aim, ...]) -> Case:
    sides = (
        LocalSide("standard library", partial(_import, measure, _STANDARD)),
        LocalSide(SAGE, partial(_import, measure, ours)),
    )
    return Case(
        "import", name, sides, 1, 1, "imports", "time", repetitions=15, aims=aims, scales=False
    )


def _import(measure: _Timer, statement: str, size: int) -> Sample:
    return Sample(sum(measure(statement) for _ in range(size)), size)


def _statement_seconds(statement: str) -> float:
    """Return what the statement takes in a fresh interpreter, without the interpreter's start."""
    program = (
        f"from time import perf_counter as now\nstart = now()\n{statement}\nprint(now() - start)"
    )
    return float(_python(program))


def _process_seconds(statement: str) -> float:
    """Return what an interpreter takes from its start to its end."""
    start = time.perf_counter()
    _python(statement)
    return time.perf_counter() - start


def _python(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
