"""Tell how a running job gets on: a live line on a terminal, plain lines elsewhere.

Layer: cli. Knows job status and a text stream; gets the time passed in.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from typing import Final, TextIO

from sage_kernel_api.values import JobStatus, StepStatus

__all__ = ["ProgressReporter", "format_count", "format_rate", "terminal_width"]

PLAIN_EVERY_S: Final = 5.0
"""Seconds between two plain lines: a log file must not fill up."""

_CLEAR_LINE: Final = "\r\x1b[2K"


def format_count(count: float) -> str:
    """Return *count* with at most four digits and a unit.

    Example:
        >>> [format_count(count) for count in (7, 999, 1_000, 12_345, 3_400_000)]
        ['7', '999', '1.00k', '12.3k', '3.40M']
    """
    if count < 1000:
        return f"{count:.0f}"
    unit = ""
    for unit in "kMG":
        count /= 1000
        if count < 999.5 or unit == "G":
            break
    digits = 2 if count < 9.995 else 1 if count < 99.95 else 0
    return f"{count:.{digits}f}{unit}"


def format_rate(count: int, elapsed_s: float) -> str:
    """Return records per second as text; ``-`` where no time has passed.

    Example:
        >>> format_rate(5_000, 2.0), format_rate(1, 0.0)
        ('2.50k/s', '-')
    """
    return f"{format_count(count / elapsed_s)}/s" if elapsed_s > 0 else "-"


def terminal_width() -> int:
    """Return the columns of the terminal; 80 where there is none."""
    return shutil.get_terminal_size().columns


class ProgressReporter:
    """Write progress of one job to a stream.

    On a terminal one line is written over and over, with the rates since the last look. On
    anything else there is one line every `PLAIN_EVERY_S` seconds. The last line, in
    either case, has the state, the totals, and the rates over the whole time.

    Args:
        stream: Where the lines go.
        clock: Seconds, from any beginning.
        is_terminal: Whether *stream* is one.
        width: Columns of the terminal; longer lines are cut.
        is_quiet: Write nothing but what `say` is given.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        clock: Callable[[], float],
        is_terminal: bool,
        width: int = 80,
        is_quiet: bool = False,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._is_terminal = is_terminal
        self._width = width
        self._is_quiet = is_quiet
        self._began_s = self._seen_s = self._written_s = clock()
        self._seen: dict[str, int] = {}

    def show(self, status: JobStatus) -> None:
        """Write a line, if it is time for one."""
        now_s = self._clock()
        is_early = not self._is_terminal and now_s - self._written_s < PLAIN_EVERY_S
        if is_early or self._is_quiet:
            return
        counts = _counts(status["steps"])
        text = self._line(status, counts, self._seen, now_s - self._seen_s, now_s)
        self._seen, self._seen_s, self._written_s = counts, now_s, now_s
        if self._is_terminal:
            # One column stays free: some terminals wrap when the last one is written.
            self._stream.write(f"{_CLEAR_LINE}{text[: self._width - 1]}")
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def finish(self, status: JobStatus) -> None:
        """Write the last line: totals, and rates over the whole time."""
        if self._is_quiet:
            return
        now_s = self._clock()
        counts = _counts(status["steps"])
        text = self._line(status, counts, {}, now_s - self._began_s, now_s)
        self.say(text)

    def say(self, text: str) -> None:
        """Write *text* as a line of its own, in place of the live line."""
        self._stream.write(f"{_CLEAR_LINE if self._is_terminal else ''}{text}\n")
        self._stream.flush()

    def _line(
        self,
        status: JobStatus,
        counts: Mapping[str, int],
        before: Mapping[str, int],
        elapsed_s: float,
        now_s: float,
    ) -> str:
        steps = [
            f"{step} {format_count(count)} ({format_rate(count - before.get(step, 0), elapsed_s)})"
            for step, count in counts.items()
        ]
        head = f"{status['name']}: {status['state']} {now_s - self._began_s:.1f}s"
        return " | ".join([head, *steps])


def _counts(steps: Mapping[str, StepStatus]) -> dict[str, int]:
    # A source takes nothing in, a sink gives nothing out: the larger of the two is its work.
    return {
        step: max(counters["records_in"], counters["records_out"])
        for step, counters in steps.items()
    }
