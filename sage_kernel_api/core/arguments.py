"""Checks of arguments that type checkers would have refused, for programs that use none.

Layer: core. Pure. Without these, a wrong argument would end in an error about our inside, or only
once the job runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sage_kernel_api.errors import ConfigurationError, PipelineError
from sage_kernel_api.lifecycle import shorten_repr

__all__ = [
    "check_count",
    "check_label",
    "check_mapping",
    "check_name",
    "check_positive",
    "check_timeout",
]


def check_name(name: object, what: str) -> None:
    """Refuse a name that is no text.

    Raises:
        ConfigurationError: It is none.
    """
    if not isinstance(name, str):
        raise ConfigurationError(f"The name of {what} is text, not {shorten_repr(name)}.")


def check_label(label: object, what: str) -> None:
    """Refuse a step's ``name`` or ``uid`` that is neither text nor None.

    Raises:
        PipelineError: It is neither.
    """
    if label is not None and not isinstance(label, str):
        raise PipelineError(f"{what}= of a step is text, not {shorten_repr(label)}.")


def check_count(count: object, what: str) -> None:
    """Refuse a number of records that is no whole number from 0.

    Raises:
        PipelineError: It is none.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise PipelineError(f"{what} needs a whole number from 0, not {shorten_repr(count)}.")


def check_positive(value: object, what: str) -> int:
    """Return *value*, a number of things.

    Raises:
        ConfigurationError: It is no whole number from 1.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{what} is a whole number from 1, not {shorten_repr(value)}.")
    return value


def check_mapping(value: object, what: str) -> None:
    """Refuse settings that are neither a mapping nor None.

    Raises:
        ConfigurationError: They are neither.
    """
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{what} is a dictionary, not {shorten_repr(value)}.")


def check_timeout(timeout_s: Any, what: str) -> float | None:
    """Return a time limit in seconds; None for none, which infinity says, too.

    Raises:
        ConfigurationError: It is no number of seconds from 0.
    """
    if timeout_s is None or timeout_s == math.inf:
        return None
    is_number = isinstance(timeout_s, (int, float)) and not isinstance(timeout_s, bool)
    if is_number and timeout_s >= 0:  # which NaN is not
        # More than a platform can wait for is no limit either.
        return timeout_s if timeout_s < 1e9 else None
    raise ConfigurationError(
        f"{what} is a number of seconds from 0, or None, not {shorten_repr(timeout_s)}."
    )
