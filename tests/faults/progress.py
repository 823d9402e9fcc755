"""Whether a job has ever gone back, judged from what its runs have written down.

A *trace* is one file that all runs of a job append to, one line at a time, so its order is the
order in which things happened:

- ``complete E``: epoch E was reported complete.
- ``opened E``, ``loaded E``: a store was opened, and E was its latest epoch; E was loaded from it.
- ``start 0``, ``restored E``: a run is about to submit its job; its status says that it began
  with epoch E. The job is under way by then and may have completed further epochs before.
- ``told S N``, ``reads S N``: source S was asked for its position; S reads on from N.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

__all__ = ["TRACE", "Trace", "steps_back"]


class Trace:
    """Writes lines down, outside of the kernel; those of many threads, and of one run at a time."""

    def __init__(self) -> None:
        self._file: int | None = None

    def write_to(self, descriptor: int) -> None:
        """Begin: until then, nothing is written."""
        self._file = descriptor

    def write(self, *words: object) -> None:
        """Append one line."""
        if self._file is not None:
            os.write(self._file, f"{' '.join(map(str, words))}\n".encode())


TRACE = Trace()


def steps_back(lines: Iterable[str]) -> list[str]:
    """Return in words where a job went on from less than had been complete.

    Args:
        lines: Of the trace.
    """
    found = []
    complete = at_start = 0
    told: dict[str, int] = {}
    safe: dict[str, int] = {}
    for line in lines:
        what, *subject, number_text = line.split()
        number = int(number_text)
        if what == "complete":
            complete = max(complete, number)
            # A source is asked once an epoch, and not again before that is complete or given up.
            safe.update(told)
        elif what == "start":
            at_start = complete
        elif what == "told":
            told[subject[0]] = number
        elif what == "reads" and number < safe.get(subject[0], 0):
            found.append(f"{subject[0]} reads from {number}, though {safe[subject[0]]} was safe")
        elif what in ("opened", "loaded") and number < complete:
            found.append(f"{what} epoch {number}, though {complete} was complete")
        elif what == "restored" and number < at_start:
            found.append(f"went back to epoch {number}, though {at_start} was complete")
    return found
