"""``sage-kernel verify``: the answer to "is my kernel right?" in one command."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sage_kernel_api.cli.exit_codes import ExitCode
from sage_kernel_api.cli.verify import VerifyProgress, exit_code_for, report_text, write_programs
from sage_kernel_api.testing import (
    KernelSource,
    Outcome,
    Profile,
    Report,
    Verdict,
    trial,
    verify_kernel,
)
from sage_kernel_api.testing.catalogue import find_contract_test
from sage_kernel_api.testing.report import Result
from sage_kernel_api.values import Capability
from tests.cli.conftest import CommandLine
from tests.conformance.wrong_kernels import jobs, records

pytestmark = pytest.mark.slow


def test_a_right_kernel_ends_with_0_and_a_table(sage_kernel: CommandLine, tmp_path: Path) -> None:
    """Authors, and their CI, look at the exit code first."""
    file = tmp_path / "results.json"

    outcome = sage_kernel("verify", "mock", "--profile", "processes", "--profile", "state",
                          "--json", str(file))  # fmt: skip

    results = json.loads(file.read_text(encoding="utf-8"))
    assert outcome.code == 0, outcome.err
    assert "process-lanes  not declared" in outcome.out
    assert "state          kept" in outcome.out
    assert "mock keeps all that it declares" in outcome.out
    assert "not kept" in outcome.err
    assert results["is_kept"] is True
    assert {test["verdict"] for test in results["tests"]} == {"kept"}


def test_markdown_is_a_table_for_a_readme(sage_kernel: CommandLine) -> None:
    """What people copy must be nothing but the table."""
    outcome = sage_kernel("verify", "mock", "--profile", "processes", "--markdown", "--quiet")

    assert outcome.out == "| capability | mock |\n|---|---|\n| process-lanes | - |\n"
    assert outcome.err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nobody",), ExitCode.KERNEL, "No kernel named 'nobody'"),
        (("mock?strict=perhaps",), ExitCode.KERNEL, "strict"),
        (("mock", "--profile", "sorcery"), ExitCode.USAGE, "Choose from: core, delivery"),
        (("mock", "--profile", "queues", "--json", "/no/folder/x"), ExitCode.USAGE, "/no/folder"),
    ],
)
def test_a_wrong_question_is_an_error_of_ours(
    sage_kernel: CommandLine, arguments: tuple[str, ...], code: ExitCode, said: str
) -> None:
    """A typo must not look like a broken kernel."""
    outcome = sage_kernel("verify", *arguments)

    assert outcome.code == code
    assert said in outcome.err


def test_a_broken_promise_is_shown_with_a_program_that_breaks_again(tmp_path: Path) -> None:
    """An author must be able to run, and to change, what failed."""
    source = KernelSource.of_factory(jobs.lists_the_latest_job_first)
    report = verify_kernel(source, [Profile.JOBS], limit_s=8.0)

    text = report_text(report, source, is_markdown=False)
    write_programs(report, source, tmp_path)
    (program,) = tmp_path.glob("*jobs_are_listed_in_the_order_of_submission.py")
    done = _run(program)

    assert exit_code_for(report) is ExitCode.JOB_FAILED
    assert "Broken: jobs/jobs_are_listed_in_the_order_of_submission" in text
    assert "Promise: `list_jobs` has one status per known job, oldest first." in text
    assert "This program shows it again:" in text
    assert done.returncode == 1, done.stderr
    assert "the ids: got" in done.stderr
    assert len(program.read_text().splitlines()) < 60


def test_the_program_of_a_kept_promise_says_so(tmp_path: Path) -> None:
    """Once the kernel is right, its program must end with 0."""
    from sage_kernel_api.testing import program_for

    program = tmp_path / "again.py"
    test = find_contract_test("delivery/any_value_is_a_record[None]")
    program.write_text(program_for(test, KernelSource.of_spec("mock")), encoding="utf-8")

    done = _run(program)

    assert (done.returncode, done.stdout) == (0, f"{test.test_id}: kept\n"), done.stderr


def test_what_cannot_be_tested_is_told_and_has_its_own_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without hypothesis the rest is run, and nobody may take that for all."""
    monkeypatch.setattr(trial, "has_hypothesis", lambda: False)
    source = KernelSource.of_spec("mock")

    report = verify_kernel(source, [Profile.STATE])

    text = report_text(report, source, is_markdown=False)
    assert exit_code_for(report) is ExitCode.INCOMPLETE
    assert report.result_of(Capability.STATE) is Result.LEFT_OUT
    assert "state/state_behaves_as_its_model: needs hypothesis" in text
    assert 'pip install "sage-kernel[testing]"' in text
    assert "not verified in full" in text


def test_a_declared_capability_without_a_test_is_an_error_of_the_kit() -> None:
    """A new capability must not be believed because nobody asked."""
    declared = frozenset({Capability.DISTRIBUTED})
    report = Report("far", declared, (Profile.DISTRIBUTED,), ())

    text = report_text(report, KernelSource.of_spec("far"), is_markdown=False)

    assert exit_code_for(report) is ExitCode.INCOMPLETE
    assert "An error of the kit: it has no test for distributed" in text


def test_a_hanging_kernel_is_reported_with_its_place() -> None:
    """A kernel that hangs must not hang the one who asks."""
    test = find_contract_test("delivery/a_step_lives_in_order")
    source = KernelSource.of_factory(records.hangs_in_a_job)

    outcome = trial.try_test(test, source, limit_s=0.5)
    records.RELEASE.set()

    assert outcome.verdict is Verdict.BROKEN
    assert "did not return within 0.5 s. It stands here:" in outcome.message
    assert "RELEASE.wait" in outcome.message


def test_progress_is_a_live_line_on_a_terminal_and_few_lines_elsewhere() -> None:
    """A log must not fill up, and a person must see that it goes on."""
    now = [0.0]
    live, plain = io.StringIO(), io.StringIO()
    test = find_contract_test("delivery/a_step_lives_in_order")
    bars = [
        VerifyProgress(live, clock=lambda: now[0], is_terminal=True, width=60),
        VerifyProgress(plain, clock=lambda: now[0], is_terminal=False),
    ]
    for number in range(1, 5):
        now[0] += 2.0
        verdict = Verdict.BROKEN if number == 2 else Verdict.KEPT
        for bar in bars:
            bar(Outcome(test, verdict), number, 4)

    assert live.getvalue().count("\r") == 5
    assert plain.getvalue().splitlines() == [
        "broken: delivery/a_step_lives_in_order",
        "3 of 4 tests, 1 not kept",
        "4 of 4 tests, 1 not kept",
    ]


def _run(program: Path) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": root, "PATH": ""},
    )
