"""The filter that kills at a system call: it must hit the one that is named."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.system_calls import CALLS

pytestmark = pytest.mark.skipif(not CALLS, reason="no such filter on this system")

_PROGRAM = """
import os, sys, threading
from tests.faults.system_calls import die_at

turn = threading.Event()

def work():
    turn.wait()
    file = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)
    os.fsync(file)

thread = threading.Thread(target=work)
thread.start()
die_at(sys.argv[1])
turn.set()
thread.join()
"""


@pytest.mark.parametrize(("call", "code"), [("fsync", -signal.SIGSYS), ("fdatasync", 0)])
def test_a_process_dies_at_the_call_and_at_no_other_one(
    call: str, code: int, tmp_path: Path
) -> None:
    """A kill that hits nothing would count as one that lost nothing."""
    root = Path(__file__).parents[2]

    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, call, str(tmp_path / "file")], cwd=root, check=False
    )

    assert done.returncode == code
