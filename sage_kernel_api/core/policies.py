"""What happens to records and sources that fail, and what a ``None`` result means.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.lifecycle import OnError, StepPolicies

__all__ = ["ErrorPolicy", "NoneResult", "Policies", "SourceError", "retry"]

ErrorPolicy: TypeAlias = OnError | StepPolicies
"""``"fail"``, ``"skip"``, ``"dead_letter"``, ``"retry"``, or what `retry` returns."""

NoneResult: TypeAlias = Literal["value", "drop"]
"""Whether a ``None`` that a map returns is a record (default) or nothing at all."""

SourceError: TypeAlias = Literal["fail", "skip", "end"]
"""What a raising source does: fail the job (default), be logged and asked again, or end."""

_ON_ERROR = ("fail", "skip", "dead_letter", "retry")
_CHOICES = {"none_result": ("value", "drop"), "source_error": ("fail", "skip", "end")}


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of a step or, as defaults, of an environment. None: ask the next one up."""

    on_error: ErrorPolicy | None = None
    none_result: NoneResult | None = None
    source_error: SourceError | None = None

    def __post_init__(self) -> None:
        """Check the choices.

        Raises:
            ConfigurationError: One is unknown.
        """
        word = (
            self.on_error.get("on_error") if isinstance(self.on_error, Mapping) else self.on_error
        )
        if word is not None and word not in _ON_ERROR:
            raise _unknown("on_error", word, _ON_ERROR)
        for name, known in _CHOICES.items():
            if (value := getattr(self, name)) is not None and value not in known:
                raise _unknown(name, value, known)

    def over(self, defaults: Policies) -> Policies:
        """Return these policies, with *defaults* where they say nothing."""
        if self == _SILENT:  # nearly every step, and a submit asks each of them many times
            return defaults
        return replace(
            defaults,
            **{
                name: value
                for name in ("on_error", "none_result", "source_error")
                if (value := getattr(self, name)) is not None
            },
        )

    @property
    def step_policies(self) -> StepPolicies:
        """What the kernel is told."""
        if self.on_error is None:
            return {}
        if isinstance(self.on_error, Mapping):
            return cast("StepPolicies", dict(self.on_error))
        return {} if self.on_error == "fail" else {"on_error": self.on_error}


_SILENT = Policies()


def retry(
    retries: int = 3,
    *,
    delay_s: float = 0.1,
    then: Literal["fail", "skip", "dead_letter"] = "fail",
) -> StepPolicies:
    """Return the policy "call again, with growing delay, and in the end do *then*".

    Args:
        retries: Further calls after the first one, at least 0.
        delay_s: Seconds before the first further call; doubled each time.
        then: What to do when all calls have failed.

    Example:
        >>> retry(2, then="skip")["retries"]
        2
    """
    return {
        "on_error": "retry",
        "retries": retries,
        "retry_delay_s": delay_s,
        "after_retries": then,
    }


def _unknown(name: str, value: object, known: tuple[str, ...]) -> ConfigurationError:
    return ConfigurationError(f"{name}={value!r} is unknown; it is one of {', '.join(known)}.")
