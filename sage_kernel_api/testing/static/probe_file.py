"""Write the file that type checkers judge: the kernel's factory against every Protocol it owes.

Layer: testing. Pure: from a kernel's names and capabilities to source text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sage_kernel_api.values import Capability

__all__ = ["Claim", "probe_source"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that must be of a type.

    Attributes:
        what: In words, as for a report.
        expression: What is judged.
        protocol: Module and name of the type.
    """

    what: str
    expression: str
    protocol: tuple[str, str]


_FACADE: Final = "sage_kernel_api.kernel_facade"
_CONTEXT: Final = "sage_kernel_api.context"
_LIFECYCLE: Final = "sage_kernel_api.lifecycle"
_STORAGE: Final = "sage_kernel_api.storage"
_COMMUNICATION: Final = "sage_kernel_api.communication"

_ALWAYS: Final = (
    Claim("the kernel", "kernel", (_FACADE, "KernelFacade")),
    Claim("job_manager", "kernel.job_manager", (_LIFECYCLE, "JobManager")),
    Claim("service_manager", "kernel.service_manager", (_LIFECYCLE, "ServiceManager")),
    Claim("logger_factory", "kernel.logger_factory", ("sage_kernel_api.logging", "LoggerFactory")),
    Claim(
        "create_execution_context()",
        "kernel.create_execution_context({})",
        (_CONTEXT, "ExecutionContext"),
    ),
    Claim(
        "create_runtime_context()",
        "kernel.create_runtime_context({})",
        (_CONTEXT, "RuntimeContext"),
    ),
    Claim(
        "the transport of a context",
        "kernel.create_execution_context({}).transport",
        (_COMMUNICATION, "DataTransport"),
    ),
    Claim(
        "the state_manager of a context",
        "kernel.create_execution_context({}).state_manager",
        (_STORAGE, "StateManager"),
    ),
)

_DECLARED: Final = {
    Capability.PAUSE: (
        Claim(
            "job_manager, which can pause",
            "kernel.job_manager",
            (_LIFECYCLE, "PausableJobManager"),
        ),
    ),
    Capability.TASKS: (
        Claim("the kernel, with tasks", "kernel", (_FACADE, "SupportsTasks")),
        Claim("task_manager", "kernel.task_manager", (_LIFECYCLE, "TaskManager")),
    ),
    Capability.QUEUES: (
        Claim("the kernel, with queues", "kernel", (_FACADE, "SupportsQueues")),
        Claim("queue_manager", "kernel.queue_manager", (_COMMUNICATION, "QueueManager")),
    ),
    Capability.CHECKPOINTS: (
        Claim("the kernel, with checkpoints", "kernel", (_FACADE, "SupportsCheckpoints")),
        Claim("checkpoint_manager", "kernel.checkpoint_manager", (_STORAGE, "CheckpointManager")),
    ),
    Capability.EXPLAIN: (
        Claim("the kernel, which explains", "kernel", (_FACADE, "SupportsExplain")),
    ),
    Capability.KEYED_STATE: (
        Claim(
            "a context, with keyed state",
            "kernel.create_execution_context({})",
            (_CONTEXT, "SupportsKeyedState"),
        ),
    ),
}


def probe_source(
    factory: tuple[str, str],
    options: tuple[str, str] | None,
    capabilities: Iterable[Capability],
) -> tuple[str, dict[int, Claim]]:
    """Return the text of the file, and which claim stands in which line.

    Args:
        factory: Module and name of what makes the kernel.
        options: The same of its options class, if it has one.
        capabilities: What the kernel declares.
    """
    claims = [*_ALWAYS]
    for capability in sorted(capabilities):
        claims += _DECLARED.get(capability, ())
    protocols = sorted({claim.protocol for claim in claims})
    parameters = "" if options is None else f"options: {options[0]}.{options[1]}"
    head = [
        "from __future__ import annotations",
        *(f"import {module}" for module in _modules(factory, options)),
        *(f"from {module} import {name}" for module, name in protocols),
        "",
        f"def check({parameters}) -> None:",
        f"    kernel = {factory[0]}.{factory[1]}({'' if options is None else 'options'})",
    ]
    lines, places = head, {}
    for number, claim in enumerate(claims):
        lines.append(f"    claim_{number}: {claim.protocol[1]} = {claim.expression}")
        places[len(lines)] = claim
    return "\n".join(lines) + "\n", places


def _modules(factory: tuple[str, str], options: tuple[str, str] | None) -> list[str]:
    return sorted({factory[0], *(() if options is None else (options[0],))})
