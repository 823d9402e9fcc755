"""So many calls per second, shared by whoever holds the same limit.

Layer: core. Pure: time comes in as a number, waiting is the caller's business.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from typing import Final

from sage_kernel_api.errors import ConfigurationError

__all__ = ["RateLimit"]

_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}
_TEXT: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(s|min|h)\s*")


class RateLimit:
    """Spread calls evenly over time, at most *calls* in *per_s* seconds.

    One object is one limit: the parallel instances of a step share it, and several steps do
    if they are given the same object. Instances in several processes share it, too: each process
    has a copy, which lets pass the part of the rate that its instances are of the whole step. A
    part that one process does not use is not used by another. Steps of different processes that
    were given one limit have it each.

    Args:
        calls: How many, above 0.
        per_s: In how many seconds, above 0.
        burst: How many may begin at once after a pause, at least 1.

    Raises:
        ConfigurationError: A number is out of its range.

    Example:
        >>> limit = RateLimit(2)
        >>> [limit.reserve(now_s=10.0) for _ in range(3)]
        [0.0, 0.5, 1.0]

    Source:
        The generic cell rate algorithm, ITU-T I.371, annex A.
    """

    def __init__(self, calls: float, per_s: float = 1.0, *, burst: int = 1) -> None:
        if not (calls > 0 and per_s > 0 and burst >= 1):
            raise ConfigurationError(
                f"RateLimit(calls={calls!r}, per_s={per_s!r}, burst={burst!r}) is no limit: calls "
                "and per_s must be above 0, burst at least 1."
            )
        self.calls = calls
        self.per_s = per_s
        self.burst = burst
        self._interval_s = per_s / calls
        # When the next call would begin if all calls were evenly spread.
        self._due_s = float("-inf")
        self._lock = threading.Lock()
        self._here: Counter[str] = Counter()
        self._everywhere: dict[str, int] = {}
        self._share = 1.0

    def admit(self, step: str, parallelism: int) -> None:
        """Let one of the *parallelism* instances of *step* use this limit from now on.

        Where no step was admitted, the whole rate is at the disposal of whoever asks.
        """
        with self._lock:
            self._here[step] += 1
            self._everywhere[step] = parallelism
            self._divide()

    def dismiss(self, step: str) -> None:
        """Undo one `admit`."""
        with self._lock:
            self._here[step] -= 1
            self._here += Counter()  # drops what is at zero
            self._divide()

    def _divide(self) -> None:
        whole = sum(self._everywhere[step] for step in self._here)
        self._share = min(1.0, self._here.total() / whole) if whole else 1.0

    @classmethod
    def parse(cls, rate: RateLimit | float | str) -> RateLimit:
        """Return the limit that *rate* stands for.

        Args:
            rate: A limit (returned as it is), calls per second, or text such as ``"100/s"``,
                ``"60/min"``, ``"1000/h"``.

        Raises:
            ConfigurationError: It is none of these.

        Example:
            >>> RateLimit.parse("60/min")
            RateLimit(60.0, per_s=60.0, burst=1)
        """
        if isinstance(rate, RateLimit):
            return rate
        if isinstance(rate, (int, float)) and not isinstance(rate, bool):
            return cls(rate)
        if isinstance(rate, str) and (found := _TEXT.fullmatch(rate)):
            return cls(float(found[1]), _SECONDS[found[2]])
        raise ConfigurationError(
            f"rate_limit={rate!r} is no rate. Give calls per second (100), text ('100/s', "
            "'60/min', '1000/h') or a RateLimit."
        )

    def reserve(self, now_s: float) -> float:
        """Take the next free place and return the seconds until it comes, at least 0.

        A place that was taken is used up, also if the call is given up before. Thread use: one
        thread, that of the event loop.
        """
        interval_s = self._interval_s / self._share
        burst = max(1.0, self.burst * self._share)
        start_s = max(now_s, self._due_s - (burst - 1) * interval_s)
        self._due_s = max(self._due_s, start_s) + interval_s
        return start_s - now_s

    def __reduce__(self) -> tuple[object, ...]:
        """Travel without the past: clocks of other processes mean nothing here."""
        return _restore, (self.calls, self.per_s, self.burst)

    def __repr__(self) -> str:
        return f"RateLimit({self.calls!r}, per_s={self.per_s!r}, burst={self.burst!r})"


def _restore(calls: float, per_s: float, burst: int) -> RateLimit:
    return RateLimit(calls, per_s, burst=burst)
