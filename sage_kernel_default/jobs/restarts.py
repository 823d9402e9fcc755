"""Whether a failed job runs again, and when: pure policies, told the time.

Layer: jobs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from typing import Protocol

from sage_kernel_api.lifecycle import RestartConfig

__all__ = ["Restarts", "restarts_of"]


class Restarts(Protocol):
    """Counts the failures of one job."""

    @abstractmethod
    def started(self, now_s: float) -> None:
        """Take note that an attempt begins to run."""

    @abstractmethod
    def failed(self, now_s: float) -> float | None:
        """Take note of a failure; return the seconds until the next attempt, None for no more."""


class _Never(Restarts):
    def started(self, now_s: float) -> None:
        """Nothing to remember."""

    def failed(self, now_s: float) -> float | None:
        """Give up."""
        return None


class _FixedDelay(Restarts):
    def __init__(self, attempts: int, delay_s: float) -> None:
        self._left = attempts
        self._delay_s = delay_s

    def started(self, now_s: float) -> None:
        """Nothing to remember."""

    def failed(self, now_s: float) -> float | None:
        """Wait the same time each time, until the attempts are used up."""
        self._left -= 1
        return None if self._left < 0 else self._delay_s


class _Exponential(Restarts):
    def __init__(
        self,
        initial_s: float,
        factor: float,
        max_s: float,
        reset_after_s: float,
        attempts: int | None,
    ) -> None:
        self._initial_s = self._next_s = initial_s
        self._factor = factor
        self._max_s = max_s
        self._reset_after_s = reset_after_s
        self._attempts = self._left = attempts
        self._started_s: float | None = None

    def started(self, now_s: float) -> None:
        """Remember when, to see whether it ran well."""
        self._started_s = now_s

    def failed(self, now_s: float) -> float | None:
        """Wait longer each time; begin anew after an attempt that ran for long."""
        if self._started_s is not None and now_s - self._started_s >= self._reset_after_s:
            self._next_s, self._left = self._initial_s, self._attempts
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                return None
        delay_s = self._next_s
        self._next_s = min(self._next_s * self._factor, self._max_s)
        return delay_s


class _FailureRate(Restarts):
    def __init__(self, failures: int, interval_s: float, delay_s: float) -> None:
        self._failures = failures
        self._interval_s = interval_s
        self._delay_s = delay_s
        self._times: deque[float] = deque()

    def started(self, now_s: float) -> None:
        """Nothing to remember."""

    def failed(self, now_s: float) -> float | None:
        """Give up when there were more failures within the interval than allowed."""
        self._times.append(now_s)
        while self._times[0] <= now_s - self._interval_s:
            self._times.popleft()
        return None if len(self._times) > self._failures else self._delay_s


def restarts_of(config: RestartConfig | None) -> Restarts:
    """Return the policy that a checked configuration asks for, with the contract's defaults."""
    given = config or {"kind": "none"}
    kind = given["kind"]
    if kind == "fixed_delay":
        return _FixedDelay(given.get("attempts", 3), given.get("delay_s", 1.0))
    if kind == "exponential":
        return _Exponential(
            given.get("initial_s", 1.0),
            given.get("factor", 2.0),
            given.get("max_s", 60.0),
            given.get("reset_after_s", 3600.0),
            given.get("attempts"),
        )
    if kind == "failure_rate":
        return _FailureRate(
            given.get("failures", 3), given.get("interval_s", 300.0), given.get("delay_s", 1.0)
        )
    return _Never()
