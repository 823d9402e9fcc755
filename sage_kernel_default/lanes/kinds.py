"""Kinds of messages between the kernel's process and its lanes.

Layer: lanes. Names the meaning of ``channel`` and body of each; see also `processes.kinds`.
"""

from __future__ import annotations

from typing import Final

from sage_kernel_default.processes import FIRST_FREE

__all__ = [
    "ANSWER",
    "CALL",
    "CHECKPOINT",
    "CREDIT",
    "DONE",
    "END",
    "EXIT",
    "FAILURE",
    "FLAGS",
    "FRAME",
    "LOG",
    "LOOP_ANSWER",
    "LOOP_DRY",
    "LOOP_PROBE",
    "LOOP_TOLD",
    "MARK",
    "OPENED",
    "REFUSAL",
    "REPORT",
    "REPORT_WANTED",
    "SNAPSHOT",
]

# Both ways, and between lanes; ``channel`` is the number of a channel.
FRAME: Final = FIRST_FREE
END: Final = FIRST_FREE + 1
CREDIT: Final = FIRST_FREE + 2

# From the kernel.
FLAGS: Final = FIRST_FREE + 3
"""Is released, is paused, is stopping."""
EXIT: Final = FIRST_FREE + 4
"""All lanes have done their work: end."""
REPORT_WANTED: Final = FIRST_FREE + 5
"""``channel`` numbers the question."""
ANSWER: Final = FIRST_FREE + 6
"""To a call; ``channel`` numbers the call."""
REFUSAL: Final = FIRST_FREE + 7
"""To a call: the exception."""
LOOP_PROBE: Final = FIRST_FREE + 8
"""``channel`` is the loop; the number of the wave."""
LOOP_DRY: Final = FIRST_FREE + 9

# From a lane.
OPENED: Final = FIRST_FREE + 10
"""One more task is open."""
FAILURE: Final = FIRST_FREE + 11
"""Why a task failed."""
REPORT: Final = FIRST_FREE + 12
"""The counters, as asked for."""
DONE: Final = FIRST_FREE + 13
"""All tasks have ended; the last counters."""
CALL: Final = FIRST_FREE + 14
"""Of a service."""
LOOP_TOLD: Final = FIRST_FREE + 15
"""The lane's part of a loop became passive; its counts."""
LOOP_ANSWER: Final = FIRST_FREE + 16
"""To a probe: its wave, and the counts or None."""
LOG: Final = FIRST_FREE + 17

# Both ways, and between lanes, as FRAME.
MARK: Final = FIRST_FREE + 18

# Checkpoints.
CHECKPOINT: Final = FIRST_FREE + 19
"""To a lane: the epoch that is wanted, and the verdict on those before it."""
SNAPSHOT: Final = FIRST_FREE + 20
"""From a lane: task, epoch, snapshots, whether it is the last one."""
