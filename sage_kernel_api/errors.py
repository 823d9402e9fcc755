"""Every exception that this project raises on purpose, in one tree under `KernelError`.

Layer: errors. The lowest one: knows nothing of the rest of the project.

Each class is also a familiar builtin, so that code which never heard of kernels still
catches what it expects. Messages carry facts, cause and next step; where several things
are wrong at once, `problems` holds all of them. All survive pickling, because they travel
between processes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

__all__ = [
    "AmbiguousKernelError",
    "BadRecordError",
    "CallTimeoutError",
    "CapabilityError",
    "ChannelClosedError",
    "ChannelTimeoutError",
    "CheckpointError",
    "CheckpointInDoubtError",
    "ConfigurationError",
    "ContextError",
    "InterfaceError",
    "JobCancelledError",
    "JobError",
    "JobFailedError",
    "JobNotFoundError",
    "JobStateError",
    "KernelClosedError",
    "KernelContractError",
    "KernelError",
    "KernelLoadError",
    "KernelNotFoundError",
    "KernelSpecError",
    "KeyEncodingError",
    "LaneError",
    "LeakedTaskError",
    "PipelineError",
    "ServiceCallError",
    "ServiceCycleError",
    "ServiceError",
    "ServiceNotFoundError",
    "ServiceStateError",
    "ServiceTimeoutError",
    "SourceConnectionError",
    "StateError",
    "StepError",
    "StoreCorruptError",
    "StoreFormatError",
    "StoreLockedError",
    "TransferError",
    "UserCodeError",
    "ValueEncodingError",
    "WaitTimeoutError",
]


class KernelError(Exception):
    """Root of every error that this project raises on purpose.

    Attributes:
        problems: One entry per thing that is wrong; empty where the message says it all.
    """

    def __init__(self, message: str, *, problems: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.problems: tuple[str, ...] = tuple(problems)

    @classmethod
    def listing(cls, headline: str, problems: Iterable[str]) -> Self:
        """Build an error whose message lists every problem on a line of its own."""
        found = tuple(problems)
        return cls("\n".join([headline, *(f"  - {problem}" for problem in found)]), problems=found)


# --- choosing a kernel -------------------------------------------------------------------


class KernelSpecError(KernelError, ValueError):
    """A kernel spec string or its options are wrong. Nothing was imported."""


class KernelNotFoundError(KernelError, LookupError):
    """No installed kernel has that name. Nothing was imported."""


class AmbiguousKernelError(KernelError, LookupError):
    """Two distributions offer one name, or one offers a reserved name. Nothing was imported."""


class KernelLoadError(KernelError, ImportError):
    """A chosen kernel is installed but cannot be loaded; no other one was tried instead."""


class KernelContractError(KernelError, TypeError):
    """A kernel does not have the members, signatures or API version that the contract asks."""


class KernelClosedError(KernelError, RuntimeError):
    """The kernel was shut down; the call had no effect."""


class ConfigurationError(KernelError, ValueError):
    """A configuration file, environment variable or argument cannot be used."""


class CapabilityError(KernelError, NotImplementedError):
    """A job needs something that its kernel does not offer. Nothing was started."""


# --- building and checking a pipeline ------------------------------------------------------


class PipelineError(KernelError, ValueError):
    """A pipeline is not valid; `problems` lists all that was found. Nothing was started."""


class InterfaceError(KernelError, TypeError):
    """A function, service or operator lacks a method or takes other arguments than it must."""


class KeyEncodingError(KernelError, TypeError):
    """A key has no stable encoding, so it cannot be routed the same way everywhere."""


# --- running a job -------------------------------------------------------------------------


class JobError(KernelError, RuntimeError):
    """Something about one job; `job_id` names it where it is known."""

    job_id: str | None = None


class JobNotFoundError(JobError, LookupError):
    """The kernel has no job with that id."""


class JobStateError(JobError):
    """The job is in a state from which that move is not legal; it stays in that state."""


class JobFailedError(JobError):
    """The job is FAILED. ``__cause__`` is the original exception of the user's code, if any."""


class JobCancelledError(JobError):
    """The job was cancelled before its end; results so far may be incomplete."""


class LeakedTaskError(JobError):
    """A task did not end within its deadline and was abandoned; the message names its step."""


class WaitTimeoutError(JobError, TimeoutError):
    """The waited-for thing did not happen in time; it goes on undisturbed."""


class StepError(KernelError, RuntimeError):
    """A step failed; the message names step, record, function, file and line.

    ``__cause__`` is the user's exception.

    Attributes:
        step: Id of the step.
        record: `repr` of the record, shortened; None outside of record processing.
        where: ``file:line`` of the innermost frame of user code.
    """

    step: str = ""
    record: str | None = None
    where: str | None = None


class UserCodeError(KernelError, RuntimeError):
    """Stands in for a user's exception that cannot travel: type name, message and traceback."""


class CallTimeoutError(KernelError, TimeoutError):
    """A call of an asynchronous function took longer than its step allows; it was cancelled."""


class BadRecordError(KernelError, ValueError):
    """A part of a file, or a record for one, is not what it must be; the message shows it."""


class SourceConnectionError(KernelError, ConnectionError):
    """A source's connection was refused or lost; what arrived before was delivered."""


class LaneError(KernelError, RuntimeError):
    """A lane in another process ended before its work did; the message says by what."""


class TransferError(KernelError, ValueError):
    """Bytes from another process are cut off or damaged; nothing of them was used."""


class ValueEncodingError(KernelError, TypeError):
    """A value cannot travel to another process. It was not sent, nor was its frame."""


class ContextError(KernelError, RuntimeError):
    """A function asked for its runtime, and has none (it was never opened by a kernel)."""


class ChannelClosedError(KernelError, RuntimeError):
    """The channel is closed. The item was not stored."""


class ChannelTimeoutError(KernelError, TimeoutError):
    """The channel stayed full (or empty) for the whole time. Nothing was stored or taken."""


# --- services, state -------------------------------------------------------------------------


class ServiceError(KernelError, RuntimeError):
    """Something about one service; the message names it."""


class ServiceNotFoundError(ServiceError, LookupError):
    """No service has that name, or it has no public method of that name."""


class ServiceStateError(ServiceError):
    """The service is not running, or is registered already; nothing changed."""


class ServiceTimeoutError(ServiceError, TimeoutError):
    """The call's deadline passed. Its late answer, if one comes, is dropped."""


class ServiceCycleError(ServiceError):
    """Services wait for each other in a circle; the call that would close it was refused."""


class ServiceCallError(ServiceError, TypeError):
    """A service was called in none of the accepted forms; nothing was called."""


class StateError(KernelError, RuntimeError):
    """A value cannot be kept or read back; the state is what it was before the call."""


class CheckpointError(StateError):
    """A checkpoint cannot be taken, found or restored; the one before it is untouched."""


class CheckpointInDoubtError(CheckpointError):
    """Storing failed so late that it is stored or not; the next opening of the state tells."""


class StoreLockedError(CheckpointError, BlockingIOError):
    """Another kernel that is alive uses this state; nothing was changed."""


class StoreCorruptError(CheckpointError, ValueError):
    """Stored state is damaged, incomplete, swapped or older than it was; nothing was changed."""


class StoreFormatError(CheckpointError, ValueError):
    """Stored state was written by a newer release or by another program; nothing was changed."""
