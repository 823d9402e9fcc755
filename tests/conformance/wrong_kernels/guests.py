"""Kernels that are bad guests of their process."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
from typing import Any

from sage_kernel_mock import MockKernelFacade, MockOptions
from tests.conformance.wrong_kernels.face import CORE
from tests.conformance.wrong_kernels.faults import fault, mock_kernel

RELEASE = threading.Event()
"""Ends the threads that a wrong kernel leaks."""


def _at_submit(act: Any) -> Any:
    kernel = mock_kernel()
    submit = kernel.job_manager.submit_job

    def submit_job(pipeline_config: Any) -> Any:
        act()
        return submit(pipeline_config)

    kernel.job_manager.submit_job = submit_job
    return kernel


def _catch_signals() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: None)


@fault(CORE)
def replaces_a_signal_handler() -> Any:
    return _at_submit(_catch_signals)


@fault(CORE)
def changes_the_environment() -> Any:
    return _at_submit(lambda: os.environ.__setitem__("WRONG_KERNEL", "1"))


@fault(CORE)
def changes_the_import_path() -> Any:
    return _at_submit(lambda: sys.path.append("/wrong-kernel"))


@fault(CORE)
def prints() -> Any:
    return _at_submit(lambda: print("a job begins"))


@fault(CORE)
def seeds_the_random_numbers_of_the_program() -> Any:
    return _at_submit(lambda: random.seed(7))


@fault(CORE)
def puts_a_handler_on_the_root_logger() -> Any:
    return _at_submit(lambda: logging.getLogger().addHandler(logging.NullHandler()))


@fault(CORE)
def leaks_a_descriptor() -> Any:
    return _at_submit(lambda: os.open(os.devnull, os.O_RDONLY))


@fault(CORE)
def leaks_a_thread() -> Any:
    return _at_submit(threading.Thread(target=RELEASE.wait, name="leaked", daemon=True).start)


@fault(CORE)
def starts_a_thread_when_it_is_made() -> Any:
    threading.Thread(target=RELEASE.wait, name="early", daemon=True).start()
    return MockKernelFacade(MockOptions())
