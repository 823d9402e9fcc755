"""What a user may say about failed jobs: whether they run again, and when.

Layer: core. Descriptions only; a kernel carries them out, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sage_kernel_api.lifecycle import RestartConfig

__all__ = [
    "ExponentialDelay",
    "FailureRate",
    "FixedDelay",
    "NoRestart",
    "RestartStrategy",
]


@dataclass(frozen=True, slots=True)
class NoRestart:
    """A failed job stays failed."""

    @property
    def config(self) -> RestartConfig:
        """What travels to the kernel."""
        return {"kind": "none"}


@dataclass(frozen=True, slots=True)
class FixedDelay:
    """The job is restarted up to *attempts* times, each time after *delay_s* seconds.

    Example:
        >>> FixedDelay(attempts=3, delay_s=5).config["attempts"]
        3
    """

    attempts: int = 3
    delay_s: float = 1.0

    @property
    def config(self) -> RestartConfig:
        """What travels to the kernel."""
        return {"kind": "fixed_delay", "attempts": self.attempts, "delay_s": self.delay_s}


@dataclass(frozen=True, slots=True)
class ExponentialDelay:
    """The job is restarted after a delay that grows with each failure.

    Attributes:
        initial_s: Seconds before the first restart.
        factor: How much longer each further delay is.
        max_s: The longest delay.
        reset_after_s: After an attempt that ran for so long, all begins anew.
        attempts: Most restarts without such an attempt; None for without end.
    """

    initial_s: float = 1.0
    factor: float = 2.0
    max_s: float = 60.0
    reset_after_s: float = 3600.0
    attempts: int | None = None

    @property
    def config(self) -> RestartConfig:
        """What travels to the kernel."""
        config: RestartConfig = {
            "kind": "exponential",
            "initial_s": self.initial_s,
            "factor": self.factor,
            "max_s": self.max_s,
            "reset_after_s": self.reset_after_s,
        }
        if self.attempts is not None:
            config["attempts"] = self.attempts
        return config


@dataclass(frozen=True, slots=True)
class FailureRate:
    """The job is restarted after *delay_s*, unless it failed too often.

    Attributes:
        failures: Most failures within *interval_s* seconds; one more, and it stays failed.
        interval_s: The time that counts.
        delay_s: Seconds before each restart.
    """

    failures: int = 3
    interval_s: float = 300.0
    delay_s: float = 1.0

    @property
    def config(self) -> RestartConfig:
        """What travels to the kernel."""
        return {
            "kind": "failure_rate",
            "failures": self.failures,
            "interval_s": self.interval_s,
            "delay_s": self.delay_s,
        }


RestartStrategy: TypeAlias = NoRestart | FixedDelay | ExponentialDelay | FailureRate
