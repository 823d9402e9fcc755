"""From an exception in a user's function to the `StepError` that tells where and on what.

Layer: lifecycle. Pure; for kernels, so that every one of them words a failure the same way.
"""

from __future__ import annotations

import sysconfig
import traceback
from types import FrameType, TracebackType
from typing import Final, TypeVar

from sage_kernel_api.errors import StepError
from sage_kernel_api.values import Payload

__all__ = ["NO_RECORD", "blame_record", "blamed_record", "shorten_repr", "step_failure"]

E = TypeVar("E", bound=BaseException)

NO_RECORD: Final = object()
"""Says that there was no record at hand."""
_BLAMED: Final = "_sage_kernel_blamed_record"
_RECORD_LENGTH: Final = 200
_LIBRARIES: Final[tuple[str, ...]] = tuple(
    {
        sysconfig.get_paths()[key]
        for key in ("stdlib", "platstdlib", "purelib", "platlib")
        if sysconfig.get_paths().get(key)
    }
)


def step_failure(
    step: str,
    error: BaseException,
    *,
    doing: str = "process",
    record: Payload = NO_RECORD,
    function: str = "",
) -> StepError:
    """Describe *error* as the failure of *step*, to be raised ``from`` it or kept with it.

    Args:
        step: Id of the step.
        error: What the user's code raised; it becomes ``__cause__``.
        doing: What the kernel had asked for: ``open``, ``poll``, ``finish`` or ``close``.
        record: The record that was being processed; `NO_RECORD` if there was none. A record
            that `blame_record` named comes before it.
        function: The user's function, if it has a name that helps.

    Returns:
        An error whose message names step, record, function, file and line.
    """
    record = blamed_record(error, record)
    place, where = _place_of(error)
    shown = None if record is NO_RECORD else shorten_repr(record)
    on = f"in {doing}" if shown is None else f"on record {shown}"
    whose = f" ({function})" if function else ""
    failure = StepError(f"Step {step!r}{whose} failed {on}: {_summary(error)}{place}")
    failure.step, failure.record, failure.where = step, shown, where
    failure.__cause__ = error
    return failure


def blame_record(error: E, record: Payload) -> E:
    """Note that *error* is the failure of *record*, whatever record is at hand when it is raised.

    For steps whose failures come later than their records. Returns *error*, to be raised.
    """
    # Past the class's own __setattr__, which may refuse.
    vars(error)[_BLAMED] = record
    return error


def blamed_record(error: BaseException, at_hand: Payload) -> Payload:
    """Return the record that `blame_record` noted on *error*, otherwise *at_hand*.

    The note is taken off: the record must not travel, or live as long, as the exception does.
    """
    return vars(error).pop(_BLAMED, at_hand)


def shorten_repr(value: Payload, length: int = _RECORD_LENGTH) -> str:
    """Return ``repr(value)``, at most *length* characters long; never raises."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a record's own repr must not hide why its step failed
        text = f"<{type(value).__name__} whose repr() fails>"
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _summary(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def _place_of(error: BaseException) -> tuple[str, str | None]:
    frames = [frame for frame in _frames(error.__traceback__) if not _is_ours(frame[0])]
    if not frames:
        return "", None
    # The innermost line that the user wrote says more than the library line below it.
    written = [frame for frame in frames if not _is_library(frame[0])]
    frame, line = (written or frames)[-1]
    where = f"{frame.f_code.co_filename}:{line}"
    return f" (in {frame.f_code.co_qualname}, {where})", where


def _frames(trace: TracebackType | None) -> list[tuple[FrameType, int]]:
    return list(traceback.walk_tb(trace))


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("sage_kernel_")


def _is_library(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file.startswith(("<", *_LIBRARIES))
