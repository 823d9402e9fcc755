"""Find out which plugins are broken, each in a child process that may hang, exit or crash.

Layer: plugins. The parent imports no plugin; see `probe` for the child's side.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.plugins.names import fold_name
from sage_kernel_api.plugins.registry import KernelInfo, available_kernels

__all__ = ["KernelProbe", "ProbeOutcome", "probe_kernels"]

ProbeOutcome: TypeAlias = Literal["ok", "broken", "metadata", "timeout", "exit", "crash"]
"""``broken``: cannot be loaded or breaks the contract; ``metadata``: not tried, its metadata
rules it out; ``timeout``: took too long; ``exit``: ended the process; ``crash``: by a signal."""

_OUTPUT_TAIL: Final = 4000
_MOST_AT_ONCE: Final = 8
# `-c` and not `-m`: the child must see exactly the modules that its parent would see.
_CHILD: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from sage_kernel_api.plugins.probe import main; main(sys.argv[2], sys.argv[3])"
)


@dataclass(frozen=True, slots=True)
class KernelProbe:
    """What became of one kernel's probe.

    Attributes:
        kernel: Which one.
        outcome: See `ProbeOutcome`.
        cause: What is wrong, for people; empty if it is ok.
        output: The end of what the plugin printed, at most 4,000 characters.
        elapsed_s: How long it took, in seconds; 0 if it was not tried.
    """

    kernel: KernelInfo
    outcome: ProbeOutcome
    cause: str
    output: str = ""
    elapsed_s: float = 0.0

    @property
    def is_ok(self) -> bool:
        """True if the kernel could be imported, made, checked and shut down."""
        return self.outcome == "ok"


def probe_kernels(
    names: Iterable[str] | None = None, *, timeout_s: float = 10.0, at_once: int | None = None
) -> tuple[KernelProbe, ...]:
    """Import, make, check and shut down each installed kernel in a process of its own.

    No child, nor child of a child that stays in its group, outlives the call, not even if it
    is interrupted. A kernel with required options is imported but not made.

    Args:
        names: Only these; all installed ones if None.
        timeout_s: Longest time for one kernel, above 0, in seconds.
        at_once: How many children at a time, at least 1; a few per processor if None.

    Returns:
        One probe per installed entry, in the order of `available_kernels`.

    Raises:
        ConfigurationError: *timeout_s* or *at_once* is out of range. Nothing was started.
    """
    workers = min(_MOST_AT_ONCE, 2 * (os.cpu_count() or 1)) if at_once is None else at_once
    if not timeout_s > 0 or workers < 1:
        raise ConfigurationError("timeout_s must be above 0 and at_once at least 1.")
    wanted = None if names is None else {fold_name(name) for name in names}
    installed = [one for one in available_kernels(refresh=True) if one.origin == "installed"]
    kernels = [one for one in installed if wanted is None or one.name in wanted]
    declared: dict[str, list[str]] = {}
    for one in installed:
        declared.setdefault(one.distribution, []).append(one.name)
    children = _Children(timeout_s, declared)
    with ThreadPoolExecutor(workers, "sage-kernel-doctor") as pool:
        probes = [pool.submit(children.probe, kernel) for kernel in kernels]
        try:
            return tuple(probe.result() for probe in probes)
        except BaseException:
            # Ctrl-C does not reach the children, which have groups of their own.
            pool.shutdown(wait=False, cancel_futures=True)
            children.kill_all()
            raise


class _Children:
    """The running children of one call."""

    def __init__(self, timeout_s: float, declared: dict[str, list[str]]) -> None:
        self._timeout_s = timeout_s
        self._declared = declared
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._is_stopped = False

    def probe(self, kernel: KernelInfo) -> KernelProbe:
        if kernel.problems:
            return KernelProbe(kernel, "metadata", "; ".join(kernel.problems))
        with tempfile.TemporaryDirectory(prefix="sage-kernel-doctor-") as folder:
            began = time.monotonic()
            code = self._run(kernel, Path(folder))
            elapsed_s = time.monotonic() - began
            outcome, cause = self._judge(code, Path(folder, "result"))
            return KernelProbe(kernel, outcome, cause, _tail(Path(folder, "output")), elapsed_s)

    def kill_all(self) -> None:
        with self._lock:
            self._is_stopped = True
            for group in self._running:
                _kill_group(group)

    def _run(self, kernel: KernelInfo, folder: Path) -> int | None:
        """Return the exit code of the child, negative for a signal; None if it was too slow."""
        declared = self._declared.get(kernel.distribution, [])
        request = json.dumps(
            [kernel.name, kernel.value, kernel.distribution, kernel.version, declared]
        )
        command = [sys.executable, "-X", "faulthandler", "-c", _CHILD]
        arguments = [json.dumps(sys.path), request, str(folder / "result")]
        with (folder / "output").open("wb") as output:
            with self._lock:
                if self._is_stopped:
                    return None
                child = subprocess.Popen(
                    [*command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    start_new_session=True,
                )
                self._running.add(child.pid)
            try:
                return child.wait(self._timeout_s)
            except subprocess.TimeoutExpired:
                return None
            finally:
                with self._lock:
                    self._running.discard(child.pid)
                # Also after a normal end: the plugin may have left children of its own.
                _kill_group(child.pid)
                child.wait()

    def _judge(self, code: int | None, result: Path) -> tuple[ProbeOutcome, str]:
        if code is None:
            return "timeout", f"did not answer within {self._timeout_s:g} s and was killed"
        if code < 0:
            return "crash", f"the process was ended by {_signal_name(-code)}"
        if not result.is_file():
            return "exit", f"ended the process with exit code {code}, before it was done"
        problem = result.read_text(encoding="utf-8", errors="replace")
        return ("broken", problem) if problem else ("ok", "")


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Everybody in it has ended already (macOS says "not permitted" of zombies).
        return


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _tail(output: Path) -> str:
    with output.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 4 * _OUTPUT_TAIL))
        return file.read().decode("utf-8", "replace")[-_OUTPUT_TAIL:]
