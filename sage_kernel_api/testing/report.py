"""What a kernel was found to keep: one line per capability, and all outcomes behind it.

Layer: testing. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sage_kernel_api.testing.profiles import KIT_VERSION, Profile, Subject, profile_of
from sage_kernel_api.testing.trial import Outcome, Verdict
from sage_kernel_api.values import API_VERSION, Capability

__all__ = ["Report", "Result", "SubjectResult"]


class Result(StrEnum):
    """What became of one capability."""

    KEPT = "kept"
    """All its tests passed."""
    BROKEN = "broken"
    """A test failed."""
    LEFT_OUT = "left out"
    """A test could not be run."""
    UNTESTED = "no test"
    """The kernel declares it, and the kit has no test of it: an error of the kit."""
    NOT_DECLARED = "not declared"
    """The kernel does not claim it."""


@dataclass(frozen=True, slots=True)
class SubjectResult:
    """One line of the report.

    Attributes:
        subject: A capability, or a profile for what every kernel must do.
        result: What became of it.
        kept: How many tests passed.
        tests: How many there were.
    """

    subject: Subject
    result: Result
    kept: int
    tests: int

    @property
    def label(self) -> str:
        """The subject in words."""
        if isinstance(self.subject, Profile):
            return f"{self.subject.value} (every kernel)"
        return self.subject.value


@dataclass(frozen=True, slots=True)
class Report:
    """All outcomes of one kernel.

    Attributes:
        kernel: What it was called.
        capabilities: What it declares.
        profiles: What was asked for.
        outcomes: One per test, in the order of the kit.
    """

    kernel: str
    capabilities: frozenset[Capability]
    profiles: tuple[Profile, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def broken(self) -> tuple[Outcome, ...]:
        """The outcomes of broken promises."""
        return tuple(one for one in self.outcomes if one.verdict is Verdict.BROKEN)

    @property
    def results(self) -> tuple[SubjectResult, ...]:
        """One line per subject of the profiles that were asked for, in their order."""
        return tuple(self._results())

    @property
    def is_kept(self) -> bool:
        """True if all that the kernel declares was tested and holds."""
        good = (Result.KEPT, Result.NOT_DECLARED)
        return all(line.result in good for line in self.results)

    @property
    def is_complete(self) -> bool:
        """True if nothing that the kernel declares stayed without its tests."""
        gaps = (Result.LEFT_OUT, Result.UNTESTED)
        return not any(line.result in gaps for line in self.results)

    def result_of(self, subject: Subject) -> Result:
        """Return what became of *subject*."""
        return self._result(subject, self._outcomes_of(subject))

    def as_json(self) -> str:
        """Return the report as JSON text: kernel, versions, results, one entry per test."""
        document: dict[str, Any] = {
            "kernel": self.kernel,
            "kit_version": KIT_VERSION,
            "api_version": API_VERSION,
            "profiles": [profile.value for profile in self.profiles],
            "is_kept": self.is_kept,
            "results": [
                {
                    "subject": line.subject.value,
                    "is_capability": isinstance(line.subject, Capability),
                    "result": line.result.value,
                    "kept": line.kept,
                    "tests": line.tests,
                }
                for line in self.results
            ],
            "tests": [
                {
                    "id": one.test.test_id,
                    "promise": one.test.promise,
                    "verdict": one.verdict.value,
                    "message": one.message,
                    "elapsed_s": round(one.elapsed_s, 4),
                }
                for one in self.outcomes
            ],
        }
        return json.dumps(document, indent=2, ensure_ascii=False)

    def _results(self) -> Iterator[SubjectResult]:
        subjects: Sequence[Subject] = (*Profile, *Capability)
        for profile in self.profiles:
            for subject in subjects:
                if profile_of(subject) is not profile:
                    continue
                outcomes = self._outcomes_of(subject)
                if isinstance(subject, Profile) and not outcomes:
                    continue
                kept = sum(one.verdict is Verdict.KEPT for one in outcomes)
                yield SubjectResult(subject, self._result(subject, outcomes), kept, len(outcomes))

    def _outcomes_of(self, subject: Subject) -> list[Outcome]:
        # By identity: the profile "async" and a capability of that name would be equal strings.
        return [one for one in self.outcomes if one.test.subject is subject]

    def _result(self, subject: Subject, outcomes: Sequence[Outcome]) -> Result:
        if isinstance(subject, Capability) and subject not in self.capabilities:
            return Result.NOT_DECLARED
        verdicts = {one.verdict for one in outcomes}
        if Verdict.BROKEN in verdicts:
            return Result.BROKEN
        if Verdict.LEFT_OUT in verdicts:
            return Result.LEFT_OUT
        return Result.KEPT if verdicts else Result.UNTESTED
