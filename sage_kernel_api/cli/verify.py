"""Verify a kernel: progress, the table, broken promises with programs that show them again.

Layer: cli. Text only; the kit finds things out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TextIO

from sage_kernel_api.cli.exit_codes import ExitCode
from sage_kernel_api.cli.tables import render_table
from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.testing import KIT_VERSION, KernelSource, Profile, Report, Verdict
from sage_kernel_api.testing.matrix import matrix_of
from sage_kernel_api.testing.programs import program_for
from sage_kernel_api.testing.report import Result
from sage_kernel_api.testing.trial import Outcome
from sage_kernel_api.testing.verifying import verify_kernel

__all__ = [
    "VerifyProgress",
    "check_profiles",
    "exit_code_for",
    "report_text",
    "verify",
    "write_programs",
    "write_report",
]

PLAIN_EVERY_S: Final = 5.0
"""Seconds between two plain lines of progress."""
_CLEAR_LINE: Final = "\r\x1b[2K"


class VerifyProgress:
    """Tell how the kit gets on: a live line on a terminal, plain lines elsewhere.

    Args:
        stream: Where the lines go.
        clock: Seconds, from any beginning.
        is_terminal: Whether *stream* is one.
        width: Columns of the terminal.
        is_quiet: Write nothing.
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
        self._written_s = clock()
        self._failed = 0

    def __call__(self, outcome: Outcome, number: int, total: int) -> None:
        """Take notice of an outcome."""
        if self._is_quiet:
            return
        clear = _CLEAR_LINE if self._is_terminal else ""
        if outcome.verdict is not Verdict.KEPT:
            self._failed += 1
            self._stream.write(f"{clear}{outcome.verdict.value}: {outcome.test.test_id}\n")
        text = f"{number} of {total} tests, {self._failed} not kept"
        if self._is_terminal:
            end = "\n" if number == total else ""
            line = f"{text}: {outcome.test.test_id}" if number < total else text
            self._stream.write(f"{clear}{line[: self._width - 1]}{end}")
        elif number == total or self._clock() - self._written_s >= PLAIN_EVERY_S:
            self._written_s = self._clock()
            self._stream.write(f"{text}\n")
        self._stream.flush()


def check_profiles(names: Sequence[str]) -> list[Profile]:
    """Return the profiles of these names.

    Raises:
        ConfigurationError: There is none of that name; the message shows those that there are.
    """
    unknown = [name for name in names if name not in list(Profile)]
    if unknown:
        raise ConfigurationError(
            f"There is no profile {', '.join(map(repr, unknown))}. Choose from: "
            f"{', '.join(Profile)}."
        )
    return [Profile(name) for name in names]


def write_report(report: Report, file: Path) -> None:
    """Write all results as JSON.

    Raises:
        ConfigurationError: It cannot be written there.
    """
    try:
        file.write_text(report.as_json() + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"No results can be written to {file}: {error}.") from error


def verify(
    spec: str, profiles: Sequence[Profile], timeout_s: float | None, progress: VerifyProgress
) -> tuple[Report, KernelSource]:
    """Run the kit on the kernel of *spec*.

    Raises:
        KernelError: The kernel cannot be found or made.
    """
    # Without a handler, warnings of kernels under test would be printed between our lines.
    logging.getLogger().addHandler(logging.NullHandler())
    source = KernelSource.of_spec(spec)
    return verify_kernel(source, profiles, limit_s=timeout_s, on_outcome=progress), source


def exit_code_for(report: Report) -> ExitCode:
    """Return how the command ends."""
    if report.broken:
        return ExitCode.JOB_FAILED
    return ExitCode.OK if report.is_complete else ExitCode.INCOMPLETE


def report_text(report: Report, source: KernelSource, *, is_markdown: bool) -> str:
    """Return the table, and below it what is broken, with a program for each subject."""
    if is_markdown:
        return matrix_of([report])
    return "\n\n".join([_table(report), *_broken(report, source), *_gaps(report), _verdict(report)])


def write_programs(report: Report, source: KernelSource, folder: Path) -> None:
    """Write a program for each broken promise into *folder*.

    Raises:
        ConfigurationError: It cannot be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for outcome in report.broken:
            name = "".join(c if c.isalnum() or c in "-_" else "_" for c in outcome.test.test_id)
            program = program_for(outcome.test, source)
            (folder / f"{name}.py").write_text(program, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"No programs can be written to {folder}: {error}.") from error


def _table(report: Report) -> str:
    rows = [
        [
            line.label,
            line.result.value,
            "" if line.result is Result.NOT_DECLARED else f"{line.kept} of {line.tests}",
        ]
        for line in report.results
    ]
    return render_table(["capability", "result", "tests kept"], rows)


def _broken(report: Report, source: KernelSource) -> Iterator[str]:
    shown: set[str] = set()
    for outcome in report.broken:
        test = outcome.test
        yield f"Broken: {test.test_id}\n  Promise: {test.promise}\n  Seen: {outcome.message}"
        # One program for each capability shows where to begin; --programs writes them all.
        if test.subject.value not in shown:
            shown.add(test.subject.value)
            program = program_for(test, source).rstrip()
            yield f"This program shows it again:\n\n{_inset(program)}"


def _gaps(report: Report) -> Iterator[str]:
    left_out = [one for one in report.outcomes if one.verdict is Verdict.LEFT_OUT]
    if left_out:
        names = "\n".join(f"  {one.test.test_id}: {one.message}" for one in left_out)
        yield f"Left out, so that nobody knows:\n{names}"
    untested = [line.label for line in report.results if line.result is Result.UNTESTED]
    if untested:
        yield (
            f"An error of the kit: it has no test for {', '.join(untested)}, which the kernel "
            f"declares. This is version {KIT_VERSION} of the kit; a newer one may have."
        )


def _verdict(report: Report) -> str:
    kept = sum(one.verdict is Verdict.KEPT for one in report.outcomes)
    total = len(report.outcomes)
    if report.is_kept:
        return f"{report.kernel} keeps all that it declares: {total} tests, kit {KIT_VERSION}."
    if report.broken:
        return f"{report.kernel} breaks {len(report.broken)} of {total} promises."
    return f"{report.kernel} was not verified in full: {kept} of {total} promises are kept."


def _inset(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
