"""From an exception in a compiled loop to an error that names step, record and line.

Layer: engine. Runs after the failure only: the happy path pays nothing for it.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Final

from sage_kernel_api.errors import StepError
from sage_kernel_api.lifecycle import blamed_record
from sage_kernel_api.values import Payload
from sage_kernel_default.plan import Step

__all__ = ["NO_RECORD", "position_in", "step_error"]

NO_RECORD: Final = object()

_HERE: Final = tuple(
    str(Path(__file__).parents[2] / package) + "/"
    for package in ("sage_kernel_default", "sage_kernel_api")
)
_LIBRARY: Final = tuple(
    {sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def step_error(
    step: Step, error: BaseException, record: Payload = NO_RECORD, doing: str = ""
) -> StepError:
    """Build the error of a failed step; its cause is *error*.

    Args:
        step: The step whose code raised.
        error: What it raised.
        record: What it was working on, if it was.
        doing: The life-cycle method it was in otherwise, as ``open``.
    """
    record = blamed_record(error, record)
    shown = None if record is NO_RECORD else _shorten(record)
    what = f" on record {shown}" if shown is not None else f" in {doing}()" if doing else ""
    trace = _user_trace(error)
    where, line = None, ""
    if trace is not None:
        code = trace.tb_frame.f_code
        where = f"{code.co_filename}:{trace.tb_lineno}"
        line = f", in {code.co_qualname} at {where}"
    function = f" ({step.function})" if step.function else ""
    failure = StepError(f"Step {step.id!r}{function} failed{what}: {_describe(error)}{line}")
    failure.step, failure.record, failure.where = step.id, shown, where
    failure.__cause__ = error
    return failure


def position_in(error: BaseException, code: CodeType) -> tuple[int, FrameType] | None:
    """Return the line and frame of a generated loop that *error* passed through."""
    for trace in _traces(error):
        if trace.tb_frame.f_code is code:
            return trace.tb_lineno, trace.tb_frame
    return None


def _traces(error: BaseException) -> Iterator[TracebackType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _user_trace(error: BaseException) -> TracebackType | None:
    """Find the innermost line of the user's own code; failing that, of any library."""
    foreign = [
        trace
        for trace in _traces(error)
        if not (file := trace.tb_frame.f_code.co_filename).startswith(_HERE)
        and not file.startswith("<sage-kernel loop ")
    ]
    own = [t for t in foreign if not t.tb_frame.f_code.co_filename.startswith(_LIBRARY)]
    found = own or foreign
    return found[-1] if found else None


def _describe(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the user's __str__ is broken too; its type still helps
        text = "(its message cannot be shown)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _shorten(record: Payload) -> str:
    try:
        text = repr(record)
    except Exception:  # noqa: BLE001 - a record whose repr fails must not hide the failure
        return f"<{type(record).__name__} whose repr fails>"
    return text if len(text) <= 200 else f"{text[:197]}..."
