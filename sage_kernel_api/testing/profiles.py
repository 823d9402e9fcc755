"""What the conformance kit is divided into, and which capability belongs where.

Layer: testing. A capability is a flag of kernels and a requirement of tests: the same object.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.values import Capability

__all__ = ["KIT_VERSION", "PROFILE_OF", "Profile", "Subject", "profile_of", "subjects_of"]

KIT_VERSION: Final = "1.0"
"""``MAJOR.MINOR`` of the kit. A minor one adds tests; a kernel that passed may fail the next."""


class Profile(StrEnum):
    """A group of contract tests that are run together.

    As the subject of a test, a profile stands for what every kernel must do, whatever it declares.
    """

    CORE = "core"
    """The face, its contexts and loggers, and the door for pipelines."""
    DELIVERY = "delivery"
    """Records, the life of steps, fan-out, side outputs, loops."""
    ROUTING = "routing"
    """Parallel instances, and which of them gets a record."""
    JOBS = "jobs"
    """Ids, states, counters; jobs in the background; pausing; tasks."""
    FAILURES = "failures"
    """What a raising function does: the job's failure, error policies."""
    SERVICES = "services"
    """Named services: their life, calls, deadlines."""
    STATE = "state"
    """Named values of an instance, values by key."""
    ASYNC = "async"
    """Asynchronous functions."""
    QUEUES = "queues"
    """Named bounded queues."""
    PROCESSES = "processes"
    """Steps in processes of their own."""
    CHECKPOINT = "checkpoint"
    """Snapshots, recovery, savepoints."""
    EXACTLY_ONCE = "exactly-once"
    """Sinks that commit together with a checkpoint."""
    EVENT_TIME = "event-time"
    """Event times, watermarks, timers."""
    DISTRIBUTED = "distributed"
    """Tasks on more than one machine."""


Subject: TypeAlias = Capability | Profile
"""What a test is about: one capability, or what every kernel must do in one profile."""

PROFILE_OF: Final[dict[Capability, Profile]] = {
    Capability.PARALLELISM: Profile.ROUTING,
    Capability.KEYED_ROUTING: Profile.ROUTING,
    Capability.BROADCAST: Profile.ROUTING,
    Capability.CUSTOM_ROUTING: Profile.ROUTING,
    Capability.FEEDBACK: Profile.DELIVERY,
    Capability.SIDE_OUTPUTS: Profile.DELIVERY,
    Capability.BACKGROUND_JOBS: Profile.JOBS,
    Capability.UNBOUNDED_SOURCES: Profile.JOBS,
    Capability.PAUSE: Profile.JOBS,
    Capability.TASKS: Profile.JOBS,
    Capability.EXPLAIN: Profile.JOBS,
    Capability.ERROR_POLICIES: Profile.FAILURES,
    Capability.SERVICES: Profile.SERVICES,
    Capability.STATE: Profile.STATE,
    Capability.KEYED_STATE: Profile.STATE,
    Capability.ASYNC_MAP: Profile.ASYNC,
    Capability.QUEUES: Profile.QUEUES,
    Capability.PROCESS_LANES: Profile.PROCESSES,
    Capability.CHECKPOINTS: Profile.CHECKPOINT,
    Capability.SAVEPOINTS: Profile.CHECKPOINT,
    Capability.EXACTLY_ONCE_SINKS: Profile.EXACTLY_ONCE,
    Capability.EVENT_TIME: Profile.EVENT_TIME,
    Capability.TIMERS: Profile.EVENT_TIME,
    Capability.DISTRIBUTED: Profile.DISTRIBUTED,
}


def profile_of(subject: Subject) -> Profile:
    """Return the profile in which *subject* is tested.

    Raises:
        ConfigurationError: A new capability was given no place in `PROFILE_OF`.
    """
    if isinstance(subject, Profile):
        return subject
    if subject not in PROFILE_OF:
        raise ConfigurationError(
            f"The conformance kit has no profile for the capability {subject!r}. Give it one in "
            "sage_kernel_api.testing.profiles.PROFILE_OF, and tests."
        )
    return PROFILE_OF[subject]


def subjects_of(profile: Profile) -> tuple[Subject, ...]:
    """Return what *profile* tests: itself first, then its capabilities.

    Example:
        >>> [subject.value for subject in subjects_of(Profile.QUEUES)]
        ['queues', 'queues']
    """
    return (profile, *(one for one in Capability if profile_of(one) is profile))
