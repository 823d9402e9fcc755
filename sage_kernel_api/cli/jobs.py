"""Run one described pipeline as a job: watch it, report it, end it on Ctrl-C. Or only ask how.

Layer: cli.
"""

from __future__ import annotations

from typing import Any, Final

from sage_kernel_api.cli.interrupts import Interrupted, Interrupts
from sage_kernel_api.cli.progress import ProgressReporter
from sage_kernel_api.core.environment import BaseEnvironment
from sage_kernel_api.core.environment.running import Running, check_runnable
from sage_kernel_api.core.explain import GraphFormat
from sage_kernel_api.core.explain_physical import describe_physical, render_physical
from sage_kernel_api.errors import WaitTimeoutError
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.plugins import resolve_kernel
from sage_kernel_api.values import Capability

__all__ = ["explain_job", "run_job"]

LOOK_EVERY_S: Final = 0.2
"""How often a terminal gets new figures."""


def run_job(
    environment: BaseEnvironment[Any], kernel_spec: str | None, reporter: ProgressReporter
) -> None:
    """Run the pipeline of *environment* to its end, and leave nothing running.

    The first Ctrl-C (or SIGTERM) cancels the job; another one kills the process.

    Args:
        environment: What to run.
        kernel_spec: The kernel to run it on; None leaves the choice to the environment.
        reporter: Gets the progress.

    Raises:
        Interrupted: The job was cancelled by a signal; its functions are closed.
        JobFailedError: The job failed.
        KernelError: It could not be started.
    """
    kernel = _kernel(environment, kernel_spec)
    kernel.logger_factory.set_level(environment.console_log_level)
    try:
        with Interrupts(
            is_deferred=Capability.BACKGROUND_JOBS in kernel.capabilities
        ) as interrupts:
            running = Running.start(kernel, check_runnable(environment, kernel))
            try:
                _watch(kernel, running, reporter, interrupts)
            except Interrupted:
                reporter.say("Cancelling the job; another Ctrl-C kills the process.")
                running.cancel()
                raise
            finally:
                reporter.finish(running.status())
            # Raises what the job ended with, if it did not finish.
            running.wait(None)
    finally:
        kernel.shutdown()


def explain_job(
    environment: BaseEnvironment[Any], kernel_spec: str | None, form: GraphFormat
) -> str:
    """Return how a kernel would run the pipeline of *environment*, as `render_physical` shows it.

    Args:
        environment: What would run.
        kernel_spec: The kernel to ask; None leaves the choice to the environment.
        form: Of the result.

    Raises:
        CapabilityError: The kernel cannot tell, or cannot run it.
        KernelError: Pipeline or kernel cannot be used.
    """
    kernel = _kernel(environment, kernel_spec)
    try:
        return render_physical(describe_physical(environment, kernel), form)
    finally:
        kernel.shutdown()


def _kernel(environment: BaseEnvironment[Any], kernel_spec: str | None) -> KernelFacade:
    return environment.kernel if kernel_spec is None else resolve_kernel(kernel_spec)


def _watch(
    kernel: KernelFacade, running: Running, reporter: ProgressReporter, interrupts: Interrupts
) -> None:
    while True:
        interrupts.check()
        try:
            kernel.job_manager.wait_job(running.job_id, LOOK_EVERY_S)
        except WaitTimeoutError:
            reporter.show(running.status())
        else:
            return
