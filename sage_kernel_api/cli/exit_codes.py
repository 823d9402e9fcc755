"""What the command line's exit codes mean, and which error gives which.

Layer: cli. The table in ``docs/cli.md`` and the text of ``--help`` are made from this one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sage_kernel_api.errors import (
    AmbiguousKernelError,
    CapabilityError,
    CheckpointError,
    ConfigurationError,
    InterfaceError,
    KernelContractError,
    KernelError,
    KernelLoadError,
    KernelNotFoundError,
    KernelSpecError,
    KeyEncodingError,
    PipelineError,
)

__all__ = ["EXIT_CODE_HELP", "ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """How ``sage-kernel`` ends."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    KERNEL = 3
    PIPELINE = 4
    STATE = 5
    INCOMPLETE = 6
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_CODE_HELP: Final[dict[ExitCode, str]] = {
    ExitCode.OK: "done; a job that ran has finished",
    ExitCode.JOB_FAILED: "the job failed; diff: the kernels differ; verify: a promise is broken",
    ExitCode.USAGE: "the command line, FILE or configuration cannot be used",
    ExitCode.KERNEL: "the kernel cannot be used; doctor, typecheck: some kernel is broken",
    ExitCode.PIPELINE: "the pipeline is not valid, or needs what the kernel lacks",
    ExitCode.STATE: "a checkpoint or savepoint cannot be used",
    ExitCode.INCOMPLETE: "verify: something that the kernel declares could not be tested",
    ExitCode.INTERRUPTED: "Ctrl-C; the job was cancelled and its functions closed",
    ExitCode.TERMINATED: "SIGTERM; the job was cancelled and its functions closed",
}

_BY_ERROR: Final[tuple[tuple[type[KernelError], ExitCode], ...]] = (
    (KernelSpecError, ExitCode.KERNEL),
    (KernelNotFoundError, ExitCode.KERNEL),
    (AmbiguousKernelError, ExitCode.KERNEL),
    (KernelLoadError, ExitCode.KERNEL),
    (KernelContractError, ExitCode.KERNEL),
    (ConfigurationError, ExitCode.USAGE),
    (CapabilityError, ExitCode.PIPELINE),
    (PipelineError, ExitCode.PIPELINE),
    (InterfaceError, ExitCode.PIPELINE),
    (KeyEncodingError, ExitCode.PIPELINE),
    (CheckpointError, ExitCode.STATE),
)


def exit_code_of(error: KernelError) -> ExitCode:
    """Return the exit code for *error*: `ExitCode.JOB_FAILED` if no other one fits."""
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code
    return ExitCode.JOB_FAILED
