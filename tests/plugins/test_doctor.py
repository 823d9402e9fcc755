"""The doctor's children: caught output, crashes, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.plugins import probe_kernels
from tests.plugins.fake_kernel import COMPLETE, add_plugin


def test_a_crash_is_told_by_its_signal_and_the_output_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The last words of a plugin are often the cause; they belong to its report alone."""
    text = "import os, signal\nprint('last words', flush=True)\nos.kill(os.getpid(), 9)\n"
    add_plugin(tmp_path, "crash", text)
    monkeypatch.syspath_prepend(str(tmp_path))

    (probe,) = probe_kernels(["crash"])

    assert (probe.outcome, probe.cause) == ("crash", "the process was ended by SIGKILL")
    assert "last words" in probe.output
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_what_a_plugin_started_ends_with_its_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A doctor who leaves processes behind makes people ill."""
    text = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n{COMPLETE}"
    )
    add_plugin(tmp_path, "parent", text)
    add_plugin(tmp_path, "stuck", text + "\nimport threading\nthreading.Event().wait()\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    for name in ("parent", "stuck"):
        probe_kernels([name], timeout_s=4.0)
        pid = int((tmp_path / "pid").read_text())
        assert _ends(pid)


def test_a_kernel_whose_shutdown_fails_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would fail at the end of every job."""
    text = COMPLETE.replace("def shutdown(self): pass", "def shutdown(self): raise OSError(9)")
    add_plugin(tmp_path, "clingy", text)
    monkeypatch.syspath_prepend(str(tmp_path))

    (probe,) = probe_kernels(["clingy"])

    assert probe.cause == "shutdown() raised OSError: 9"


def test_limits_that_make_no_sense_are_refused() -> None:
    """A time limit of zero would call every kernel broken."""
    with pytest.raises(ConfigurationError):
        probe_kernels(timeout_s=0)
    with pytest.raises(ConfigurationError):
        probe_kernels(at_once=0)


def _ends(pid: int) -> bool:
    """Tell whether a killed process ends: the signal is sent, its end comes a moment later."""
    try:
        psutil.Process(pid).wait(timeout=10)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True
