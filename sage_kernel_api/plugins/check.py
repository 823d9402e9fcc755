"""Judge a kernel against the contract before its first use.

Layer: plugins. All problems in one error, each with what to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sage_kernel_api.communication import QueueManager
from sage_kernel_api.errors import KernelContractError
from sage_kernel_api.kernel_facade import (
    KernelFacade,
    SupportsCheckpoints,
    SupportsExplain,
    SupportsQueues,
    SupportsTasks,
)
from sage_kernel_api.lifecycle import JobManager, PausableJobManager, ServiceManager, TaskManager
from sage_kernel_api.logging import LoggerFactory
from sage_kernel_api.plugins.importing import describe_error
from sage_kernel_api.plugins.names import fold_name
from sage_kernel_api.plugins.signatures import compare_members, protocol_members
from sage_kernel_api.storage import CheckpointManager
from sage_kernel_api.values import API_VERSION, Capability

__all__ = ["check_kernel", "check_kernel_class", "parts_of"]

_VERSION: Final = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})")
_OPTIONAL: Final[tuple[tuple[Capability, type, str, type], ...]] = (
    (Capability.TASKS, SupportsTasks, "task_manager", TaskManager),
    (Capability.QUEUES, SupportsQueues, "queue_manager", QueueManager),
    (Capability.CHECKPOINTS, SupportsCheckpoints, "checkpoint_manager", CheckpointManager),
)
_METHODS: Final[tuple[tuple[Capability, type], ...]] = ((Capability.EXPLAIN, SupportsExplain),)
"""Abilities that are methods of the kernel itself."""
_FAILED: Final = object()
_PROPERTIES: Final = frozenset(
    name for name, one in protocol_members(KernelFacade).items() if isinstance(one, property)
)


def check_kernel(kernel: object, *, name: str | None = None) -> None:
    """Compare *kernel*, and the managers that it hands out, with the contract.

    The kernel itself is looked at statically; of its properties ``name``, ``api_version``,
    ``capabilities`` and the managers are read, once each, and only where they exist.

    Args:
        kernel: Any object.
        name: The name that selected it; None for a kernel that was given as an object.

    Raises:
        KernelContractError: A member is missing, has another signature or raises; the API
            version does not fit; the name differs. All problems are listed.
    """
    problems = list(_problems(kernel, name))
    if problems:
        who = repr(name) if name else f"of type {type(kernel).__qualname__!r}"
        raise KernelContractError.listing(f"Kernel {who} breaks the contract:", problems)


def check_kernel_class(kernel_class: type, *, name: str) -> None:
    """Compare a kernel's class with the contract; for one that cannot be instantiated.

    Raises:
        KernelContractError: A member is missing or has another signature.
    """
    problems = list(compare_members(kernel_class, KernelFacade))
    if problems:
        raise KernelContractError.listing(f"Kernel {name!r} breaks the contract:", problems)


def parts_of(kernel: KernelFacade) -> Iterator[tuple[object, type]]:
    """Yield a right kernel and its managers, each with the Protocol that it implements."""
    yield kernel, KernelFacade
    for attribute, protocol in _always(kernel.capabilities):
        yield getattr(kernel, attribute), protocol
    for capability, face, attribute, protocol in _OPTIONAL:
        if capability in kernel.capabilities:
            yield kernel, face
            yield getattr(kernel, attribute), protocol
    for capability, face in _METHODS:
        if capability in kernel.capabilities:
            yield kernel, face


def _always(capabilities: frozenset[object]) -> list[tuple[str, type]]:
    """Return the managers that every kernel with these capabilities has."""
    return [
        ("job_manager", PausableJobManager if Capability.PAUSE in capabilities else JobManager),
        ("service_manager", ServiceManager),
        ("logger_factory", LoggerFactory),
    ]


def _problems(kernel: object, name: str | None) -> Iterator[str]:
    found = list(compare_members(kernel, KernelFacade))
    yield from found
    lacking = {problem.split("`")[1] for problem in found if " lacks `" in problem}
    if "name" not in lacking:
        yield from _name_problems(kernel, name)
    if "api_version" not in lacking:
        yield from _version_problems(kernel)
    capabilities: frozenset[object] = frozenset()
    if "capabilities" not in lacking:
        value, problem = _read(kernel, "capabilities")
        if isinstance(value, frozenset) and all(isinstance(one, Capability) for one in value):
            capabilities = value
        else:
            yield problem or f"capabilities must be a frozenset of Capability, not {value!r:.80}"
    # A stranger without the facade's properties is asked for nothing that may cost something.
    if lacking.isdisjoint(_PROPERTIES):
        yield from _manager_problems(kernel, capabilities)


def _name_problems(kernel: object, name: str | None) -> Iterator[str]:
    value, problem = _read(kernel, "name")
    if problem:
        yield problem
    elif not isinstance(value, str) or not value:
        yield f"name must be text, not {value!r:.80}"
    elif name is not None and fold_name(value) != name:
        yield f"name is {value!r} but the kernel is registered as {name!r}"


def _version_problems(kernel: object) -> Iterator[str]:
    value, problem = _read(kernel, "api_version")
    match = _VERSION.fullmatch(value) if isinstance(value, str) else None
    if problem:
        yield problem
    elif match is None:
        yield f"api_version must be 'MAJOR.MINOR' such as {API_VERSION!r}, not {value!r:.80}"
    else:
        ours = tuple(map(int, API_VERSION.split(".")))
        theirs = (int(match[1]), int(match[2]))
        if theirs[0] != ours[0]:
            older = theirs[0] < ours[0]
            who = "the kernel's distribution" if older else "sage-kernel"
            yield f"api_version {value} does not fit {API_VERSION}: upgrade {who}"
        elif theirs > ours:
            yield f"api_version {value} is newer than {API_VERSION}: upgrade sage-kernel"


def _manager_problems(kernel: object, capabilities: frozenset[object]) -> Iterator[str]:
    wanted = _always(capabilities)
    for capability, face, attribute, protocol in _OPTIONAL:
        if capability in capabilities:
            missing = list(compare_members(kernel, face))
            yield from (f"it declares {capability.name}, but {problem}" for problem in missing)
            if not missing:
                wanted.append((attribute, protocol))
    for capability, face in _METHODS:
        if capability in capabilities:
            yield from (
                f"it declares {capability.name}, but {problem}"
                for problem in compare_members(kernel, face)
            )
    for attribute, protocol in wanted:
        manager, problem = _read(kernel, attribute)
        if problem:
            yield problem
        else:
            yield from (f"{attribute}: {one}" for one in compare_members(manager, protocol))


def _read(kernel: object, attribute: str) -> tuple[object, str | None]:
    """Read one property; return its value, or why it has none."""
    try:
        return getattr(kernel, attribute), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin's getter may raise anything
        return _FAILED, f"reading {attribute} raised {describe_error(error)}"
