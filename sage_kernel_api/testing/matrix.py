"""The capability matrix: what each kernel was found to keep, as a table for people.

Layer: testing. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from sage_kernel_api.testing.profiles import Profile, Subject, profile_of
from sage_kernel_api.testing.report import Report, Result, SubjectResult
from sage_kernel_api.values import Capability

__all__ = ["matrix_of"]

_NOT_DECLARED = "-"


def matrix_of(reports: Sequence[Report]) -> str:
    """Return a Markdown table with a row per capability and a column per kernel.

    A cell tells how many tests of how many the kernel passed; a dash stands for what it does not
    declare. Rows that no kernel was asked about are left out.

    Args:
        reports: One per kernel; several of one kernel, for different profiles, share a column.
    """
    kernels = list(dict.fromkeys(report.kernel for report in reports))
    found = {
        (_key(line.subject), report.kernel): line for report in reports for line in report.results
    }
    lines = [
        f"| {' | '.join(['capability', *kernels])} |",
        f"|{'---|' * (len(kernels) + 1)}",
    ]
    for subject in _subjects():
        row = [found.get((_key(subject), kernel)) for kernel in kernels]
        if any(line is not None for line in row):
            label = next(line.label for line in row if line is not None)
            lines.append(f"| {' | '.join([label, *map(_cell, row)])} |")
    return "\n".join(lines)


def _subjects() -> list[Subject]:
    everything: tuple[Subject, ...] = (*Profile, *Capability)
    return [one for profile in Profile for one in everything if profile_of(one) is profile]


def _key(subject: Subject) -> tuple[type, str]:
    # As texts, the profile "state" and the capability of that name are equal.
    return type(subject), subject.value


def _cell(line: SubjectResult | None) -> str:
    if line is None or line.result is Result.NOT_DECLARED:
        return _NOT_DECLARED
    if line.result is Result.UNTESTED:
        return "no test"
    mark = "" if line.result is Result.KEPT else f" **{line.result.value}**"
    return f"{line.kept}/{line.tests}{mark}"
