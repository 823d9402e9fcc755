"""Faults that a test plans in advance: the nth save fails, a record is lost, a step is slow.

Knows the journal and the clock; nothing of tasks. Addressed by the words of the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from sage_kernel_api.errors import (
    CheckpointError,
    ConfigurationError,
    KernelError,
    ServiceError,
    StateError,
)
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.happenings import FaultStruck
from sage_kernel_mock.journal import Journal

__all__ = ["Arrival", "FailingAction", "Faults", "InjectedFaultError"]

FailingAction: TypeAlias = Literal[
    "open",
    "poll",
    "process",
    "finish",
    "close",
    "recover",
    "pre_commit",
    "commit",
    "call_service",
    "save_state",
    "load_state",
    "clear_state",
    "create_checkpoint",
    "restore_checkpoint",
]
"""What can be made to fail: actions of the journal."""


class InjectedFaultError(KernelError, RuntimeError):
    """What a planned fault raises where the test named no other exception."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What becomes of a record at its receiver: so many copies of it, after so long.

    Attributes:
        copies: 0: it is lost; 1: as usual; 2: it comes twice.
        delay_s: Seconds on the kernel's clock until it is there.
    """

    copies: int = 1
    delay_s: float = 0.0


@dataclass(slots=True)
class _Plan:
    """One planned fault; *nth* None strikes each time, otherwise it strikes once."""

    what: str
    actor: str | None
    action: str
    nth: int | None
    error: Callable[[], BaseException] | None = None
    arrival: Arrival = Arrival()
    slow_s: float = 0.0
    seen: int = 0
    struck: int = 0

    def hits(self, actor: str, action: str) -> bool:
        """Count one happening, and tell whether it is the one."""
        # "count" means all instances, "count[2]" one of them.
        if action != self.action or self.actor not in (None, actor, actor.partition("[")[0]):
            return False
        self.seen += 1
        if self.nth not in (None, self.seen):
            return False
        self.struck += 1
        return True


_ARRIVE: Final = "arrive"
_USUAL: Final = Arrival()
_ERRORS: Final[dict[str, type[KernelError]]] = {
    "call_service": ServiceError,
    "save_state": StateError,
    "load_state": StateError,
    "clear_state": StateError,
    "create_checkpoint": CheckpointError,
    "restore_checkpoint": CheckpointError,
}


class Faults:
    """Plan what goes wrong. Each plan strikes at its *nth* chance, counted from 1, once.

    A test whose faults hit nothing proves nothing: `assert_all_struck` tells.

    Example:
        >>> from sage_kernel_mock import MockKernelFacade
        >>> kernel = MockKernelFacade()
        >>> kernel.faults.fail("save_state", nth=2)
        >>> state = kernel.create_runtime_context({"name": "count"}).state_manager
        >>> state.save_state("n", 1)
        True
        >>> state.save_state("n", 2)
        Traceback (most recent call last):
        sage_kernel_api.errors.StateError: Planned fault: save_state no. 2 fails.
        >>> state.load_state("n")
        1
    """

    def __init__(self, journal: Journal, clock: ManualClock) -> None:
        self._journal = journal
        self._clock = clock
        self._plans: list[_Plan] = []

    # --- planning ----------------------------------------------------------------------------

    def fail(
        self,
        action: FailingAction,
        actor: str | None = None,
        *,
        nth: int | None = 1,
        error: BaseException | None = None,
    ) -> None:
        """Make an action fail before it has changed anything; ``close`` fails once it is done.

        Args:
            action: A word of the journal.
            actor: Whose: a step (``count`` for all instances, ``count[2]`` for one), a context or
                ``service.method``; None for anybody's.
            nth: Which time, from 1; None for each time.
            error: What is raised; None for one that suits the action.

        Raises:
            ConfigurationError: There is no such action, or *nth* is below 1. Nothing was planned.
        """
        if action not in get_args(FailingAction):
            known = ", ".join(get_args(FailingAction))
            raise ConfigurationError(f"{action!r} cannot be made to fail; these can: {known}.")
        what = f"{_of(actor)}{action}{_number(nth)} fails"
        kind = _ERRORS.get(action, InjectedFaultError)
        self._plan(
            _Plan(what, actor, action, nth, lambda: error or kind(f"Planned fault: {what}."))
        )

    def refuse_checkpoint(self, actor: str | None = None, *, nth: int | None = 1) -> None:
        """Let the *nth* checkpoint of *actor* (None: of anybody) end in a `CheckpointError`."""
        self.fail("create_checkpoint", actor, nth=nth)

    def drop(self, step: str, *, nth: int | None = 1) -> None:
        """Lose the *nth* record that arrives at *step*. The ledger counts it as dropped."""
        what = f"{step} loses record{_number(nth)}"
        self._plan(_Plan(what, step, _ARRIVE, nth, arrival=Arrival(copies=0)))

    def duplicate(self, step: str, *, nth: int | None = 1) -> None:
        """Deliver the *nth* record that arrives at *step* twice. The ledger counts two."""
        what = f"{step} gets record{_number(nth)} twice"
        self._plan(_Plan(what, step, _ARRIVE, nth, arrival=Arrival(copies=2)))

    def delay(self, step: str, seconds: float, *, nth: int | None = 1) -> None:
        """Hold up the *nth* record that arrives at *step*; those behind it overtake it.

        Args:
            step: The receiver.
            seconds: On the kernel's clock, at least 0.
            nth: Which record, from 1; None for all.
        """
        what = f"{step} gets record{_number(nth)} {seconds:g} s late"
        self._plan(_Plan(what, step, _ARRIVE, nth, arrival=Arrival(1, _duration(seconds))))

    def slow(self, step: str, seconds: float, *, nth: int | None = None) -> None:
        """Let *step* take *seconds* of the kernel's clock for a record; None: for each."""
        what = f"{step} takes {seconds:g} s for record{_number(nth)}"
        self._plan(_Plan(what, step, "process", nth, slow_s=_duration(seconds)))

    def _plan(self, plan: _Plan) -> None:
        if plan.nth is not None and plan.nth < 1:
            raise ConfigurationError(f"nth={plan.nth} of a fault: counted from 1, or None for all.")
        self._plans.append(plan)

    # --- looking back ------------------------------------------------------------------------

    @property
    def pending(self) -> list[str]:
        """Return what was planned and has not struck yet, in words."""
        return [plan.what for plan in self._plans if not plan.struck]

    def assert_all_struck(self) -> None:
        """Assert that no plan is left: a run whose faults hit nothing shows nothing.

        Raises:
            AssertionError: Some never struck; the message names them.
        """
        if self.pending:
            raise AssertionError(f"These faults never struck: {'; '.join(self.pending)}.")

    def clear(self) -> None:
        """Forget all plans."""
        self._plans.clear()

    # --- striking ----------------------------------------------------------------------------

    def strike(self, actor: str, action: str) -> None:
        """Let time pass or raise, as planned for this action of this actor.

        Raises:
            BaseException: The planned one.
        """
        for plan in self._struck(actor, action):
            if plan.slow_s:
                self._clock.advance(plan.slow_s)
            if plan.error is not None:
                raise plan.error()

    def arrival(self, actor: str) -> Arrival:
        """Tell what becomes of the record that now arrives at *actor*."""
        struck = self._struck(actor, _ARRIVE)
        if not struck:
            return _USUAL
        copies = [plan.arrival.copies for plan in struck]
        # What is lost cannot come twice, whatever else was planned for it.
        most = 0 if 0 in copies else max(copies)
        return Arrival(most, sum(plan.arrival.delay_s for plan in struck))

    def _struck(self, actor: str, action: str) -> list[_Plan]:
        if not self._plans:
            return []
        struck = [plan for plan in self._plans if plan.hits(actor, action)]
        for plan in struck:
            self._journal.write(actor, FaultStruck(plan.what))
        return struck


def _of(actor: str | None) -> str:
    return "" if actor is None else f"{actor}: "


def _number(nth: int | None) -> str:
    return "" if nth is None else f" no. {nth}"


def _duration(seconds: float) -> float:
    if not 0 <= seconds < float("inf"):
        raise ConfigurationError(f"A fault of {seconds!r} s: needs a number of seconds from 0.")
    return seconds
