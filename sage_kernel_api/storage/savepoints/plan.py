"""Which old state goes to which new instance, or why it cannot.

Layer: storage. Pure. Used for savepoints and for checkpoints alike, so that all kernels refuse and
distribute in the same way.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sage_kernel_api.communication import owned_groups
from sage_kernel_api.errors import CheckpointError

__all__ = [
    "OldStep",
    "RestorePlan",
    "StateSharing",
    "StepRestore",
    "WantedStep",
    "plan_restore",
]

StateSharing: TypeAlias = Literal["own", "all"]
"""As `StatefulRunnable.state_sharing`."""


@dataclass(frozen=True, slots=True)
class OldStep:
    """What is stored of a step.

    Attributes:
        step: Its ``uid``, or its id.
        parallelism: Instances that it had.
        has_operator_state: Some instance has operator state that is not empty.
        has_keyed_state: It has keys.
        has_in_flight: Records were inside of it.
        has_handles: A sink's transactions wait for their commit.
    """

    step: str
    parallelism: int
    has_operator_state: bool = False
    has_keyed_state: bool = False
    has_in_flight: bool = False
    has_handles: bool = False

    @property
    def is_empty(self) -> bool:
        """True if nothing would be lost with it."""
        return not (
            self.has_operator_state
            or self.has_keyed_state
            or self.has_in_flight
            or self.has_handles
        )


@dataclass(frozen=True, slots=True)
class WantedStep:
    """A step of the pipeline that is to start.

    Attributes:
        step: Its ``uid``, or its id.
        parallelism: Instances that it will have.
        sharing: How it takes up operator state; None if it has none.
        is_keyed: It can have keyed state.
        is_transactional: It can take up handles.
    """

    step: str
    parallelism: int
    sharing: StateSharing | None = None
    is_keyed: bool = False
    is_transactional: bool = False


@dataclass(frozen=True, slots=True)
class StepRestore:
    """How one step gets its state back.

    Attributes:
        step: Its name.
        old_parallelism, new_parallelism: Instances before and now.
        states_for: For each new instance, the old instances whose operator state it gets.
        handles_for: For each new instance, the old instances whose handles it gets; each old
            instance is named once.
        groups_for: For each new instance, the key groups that it owns. Records that were inside
            of the step go by them, too, and in turn where they have no key.
    """

    step: str
    old_parallelism: int
    new_parallelism: int
    states_for: Sequence[Sequence[int]]
    handles_for: Sequence[Sequence[int]]
    groups_for: Sequence[range]


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What happens to all steps.

    Attributes:
        steps: By name, those that get state back.
        new_steps: Those that start empty.
        dropped_steps: Stored ones whose state is given up, as was allowed.
    """

    steps: Mapping[str, StepRestore]
    new_steps: frozenset[str]
    dropped_steps: frozenset[str]


def plan_restore(
    old: Sequence[OldStep], wanted: Sequence[WantedStep], *, allow_dropped: Collection[str] = ()
) -> RestorePlan:
    """Match stored state with the steps of a pipeline.

    Args:
        old: All stored steps.
        wanted: All steps of the pipeline.
        allow_dropped: Names of stored steps whose state may be given up.

    Raises:
        CheckpointError: Something does not fit; `problems` lists everything. State is never
            dropped, doubled or given to somebody else in silence.

    Example:
        >>> plan = plan_restore(
        ...     [OldStep("totals", 1, has_keyed_state=True)],
        ...     [WantedStep("totals", 2, is_keyed=True)],
        ... )
        >>> plan.steps["totals"].groups_for
        [range(0, 512), range(512, 1024)]
    """
    by_name = {step.step: step for step in wanted}
    problems = [
        f"allow_dropped names {name!r}, but no stored step is called so"
        + _near(name, [step.step for step in old])
        for name in sorted(set(allow_dropped) - {step.step for step in old})
    ]
    steps: dict[str, StepRestore] = {}
    dropped: set[str] = set()
    for stored in old:
        if stored.step in allow_dropped:
            dropped.add(stored.step)
        elif stored.step in by_name:
            problems += _misfits(stored, by_name[stored.step])
            steps[stored.step] = _restore(stored, by_name[stored.step])
        elif not stored.is_empty:
            problems.append(
                f"the state of {stored.step!r} belongs to no step of the pipeline"
                + _near(stored.step, sorted(set(by_name) - {step.step for step in old}))
            )
    if problems:
        raise CheckpointError.listing(
            "The stored state does not fit the pipeline; nothing was started. Give steps the "
            "uid= that they had, or name what may be lost in allow_dropped_state:",
            problems,
        )
    return RestorePlan(steps, frozenset(set(by_name) - set(steps)), frozenset(dropped))


def _misfits(stored: OldStep, wanted: WantedStep) -> list[str]:
    name, found = stored.step, []
    if stored.has_operator_state and wanted.sharing is None:
        found.append(f"{name!r} has stored operator state, and takes none up any more")
    if stored.has_keyed_state and not wanted.is_keyed:
        found.append(f"{name!r} has stored keyed state, and is on no keyed stream any more")
    if stored.has_handles and not wanted.is_transactional:
        found.append(f"{name!r} has output to commit, and is no transactional sink any more")
    if stored.parallelism != wanted.parallelism:
        change = f"has parallelism {wanted.parallelism}, had {stored.parallelism}"
        if stored.has_operator_state and wanted.sharing == "own":
            found.append(f"{name!r} {change}, and its state belongs to single instances")
    return found


def _restore(stored: OldStep, wanted: WantedStep) -> StepRestore:
    before, now = stored.parallelism, wanted.parallelism
    return StepRestore(
        *(stored.step, before, now),
        states_for=[
            [index] if wanted.sharing != "all" and index < before else [*range(before)]
            for index in range(now)
        ],
        handles_for=[[*range(index, before, now)] for index in range(now)],
        groups_for=owned_groups(now),
    )


def _near(name: str, candidates: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, candidates, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
