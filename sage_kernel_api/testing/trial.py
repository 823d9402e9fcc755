"""Try one contract test on one kernel: watched, timed, and with the host looked at around it.

Layer: testing.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.testing.backdoors import BackDoors
from sage_kernel_api.testing.contract_test import ContractTest
from sage_kernel_api.testing.expectations import BrokenPromiseError
from sage_kernel_api.testing.host import Host, listened_stdout
from sage_kernel_api.testing.kernel_source import KernelSource
from sage_kernel_api.testing.workbench import Workbench

__all__ = ["HOW_TO_GET_HYPOTHESIS", "Outcome", "Verdict", "has_hypothesis", "try_test"]

_SHUTDOWN_S: Final = 10.0
HOW_TO_GET_HYPOTHESIS: Final = 'pip install "sage-kernel[testing]"'


class Verdict(StrEnum):
    """How a contract test came out."""

    KEPT = "kept"
    """The kernel keeps the promise."""
    BROKEN = "broken"
    """It does not."""
    LEFT_OUT = "left out"
    """Nobody knows: something that the test needs is not there; the message says what."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one test.

    Attributes:
        test: Which one.
        verdict: How it came out.
        message: What was seen, if the promise is not kept.
        elapsed_s: How long it took, in seconds.
        error: What the test raised; None unless it is broken.
    """

    test: ContractTest
    verdict: Verdict
    message: str = ""
    elapsed_s: float = 0.0
    error: BaseException | None = field(default=None, compare=False)


def has_hypothesis() -> bool:
    """Tell whether the library of the state machines is installed."""
    return importlib.util.find_spec("hypothesis") is not None


def try_test(
    test: ContractTest,
    source: KernelSource,
    doors: BackDoors | None = None,
    limit_s: float | None = None,
) -> Outcome:
    """Run one test on a new kernel, which is shut down afterwards.

    The test runs on a thread of its own, so that one that hangs is reported. Tests of what only
    the main thread may change are run by the caller, which must be the main thread.

    Args:
        test: Which one.
        source: Makes the kernel.
        doors: The author's ways into it.
        limit_s: Shortens the test's own limit.

    Raises:
        ConfigurationError: The test belongs on the main thread, and this is another one.
    """
    if test.uses_hypothesis and not has_hypothesis():
        return Outcome(test, Verdict.LEFT_OUT, f"needs hypothesis: {HOW_TO_GET_HYPOTHESIS}")
    if test.is_on_main_thread and threading.current_thread() is not threading.main_thread():
        raise ConfigurationError(
            f"The contract test {test.test_id} looks at what only the main thread may change. "
            "Verify kernels on the main thread."
        )
    began_s = time.monotonic()
    error = _try(test, source, doors, min(test.limit_s, limit_s or test.limit_s))
    elapsed_s = time.monotonic() - began_s
    if error is None:
        return Outcome(test, Verdict.KEPT, elapsed_s=elapsed_s)
    return Outcome(test, Verdict.BROKEN, _message(error), elapsed_s, error)


def _try(
    test: ContractTest, source: KernelSource, doors: BackDoors | None, limit_s: float
) -> BaseException | None:
    with listened_stdout() as heard:
        before = Host.look()
        try:
            kernel = source.make()
        except Exception as failure:  # noqa: BLE001 - the outcome tells it
            return failure
        # A new kernel has started no thread and opened no file.
        if made := before.differences():
            problem = f"making the kernel disturbs its host: {'; '.join(made)}"
            return _watch(kernel.shutdown, _SHUTDOWN_S, "shutdown()") or BrokenPromiseError(problem)
        # Waits inside of the test are shorter, so that they say what did not happen.
        bench = Workbench(kernel, doors, limit_s / 2, source.make)
        error = _run(test, bench, limit_s)
        ending = _watch(bench.kernel.shutdown, _SHUTDOWN_S, "shutdown()")
        bench.close()
        error = error or ending
        if isinstance(error, _HangError):
            return error
        problems = before.differences()
    if text := heard():
        problems.append(f"something was written to the standard output: {text[:80]!r}")
    if not problems:
        return error
    disturbed = f"the kernel disturbs its host: {'; '.join(problems)}"
    if error is None:
        return BrokenPromiseError(disturbed)
    error.add_note(f"Also, {disturbed}")
    return error


def _run(test: ContractTest, bench: Workbench, limit_s: float) -> BaseException | None:
    if not test.is_on_main_thread:
        return _watch(lambda: test(bench), limit_s, "the test")
    try:
        test(bench)
    except Exception as error:  # noqa: BLE001 - the outcome tells it
        return error
    return None


class _HangError(BrokenPromiseError):
    """Something did not return."""


def _watch(call: Callable[[], object], limit_s: float, what: str) -> BaseException | None:
    """Run *call* on a thread; return what it raised, or that it did not return in time."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - handed over
            errors.append(error)

    thread = threading.Thread(target=work, name="kit-trial", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        frame = sys._current_frames().get(thread.ident or 0)
        where = "".join(traceback.format_stack(frame)[-4:]) if frame else ""
        return _HangError(f"{what} did not return within {limit_s:g} s. It stands here:\n{where}")
    return errors[0] if errors else None


def _message(error: BaseException) -> str:
    text = (
        str(error) if isinstance(error, BrokenPromiseError) else f"{type(error).__name__}: {error}"
    )
    notes = getattr(error, "__notes__", [])
    return "\n".join([text, *notes])
