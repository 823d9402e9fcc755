"""The pytest plugin, as the tests of users' projects meet it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pytest_plugin.conftest import Report

pytestmark = pytest.mark.slow

pytest_plugins = ("pytester",)


def test_a_test_runs_on_every_installed_kernel(report: Report) -> None:
    """The purpose of all this: users see on which kernels their pipeline works."""
    assert report.outcomes["test_squares[default]"] == "PASSED"
    assert report.outcomes["test_squares[mock]"] == "PASSED"


def test_fifteen_lines_are_enough() -> None:
    """A test on every kernel that took a page would not be written. The docs run it."""
    page = (Path(__file__).resolve().parents[2] / "docs/testing-pipelines.md").read_text()

    block = re.search(r"<!-- file: test_words.py -->\n```python\n(.*?)```", page, re.DOTALL)

    assert block is not None
    assert len(block[1].splitlines()) == 15


def test_kernels_are_chosen_by_name_and_by_spec(narrowed: Report) -> None:
    """A slow or remote kernel is left out; options are part of the choice."""
    squares = {name: o for name, o in narrowed.outcomes.items() if name.startswith("test_squares")}

    assert squares == {"test_squares[mock]": "PASSED", "test_squares[mock?seed=7]": "PASSED"}


def test_a_test_is_skipped_where_a_capability_is_lacking(report: Report) -> None:
    """A test of pausing says nothing about a kernel without it; the report says why."""
    assert report.outcomes["test_pausing[default]"] == "PASSED"
    assert report.outcomes["test_pausing[mock]"] == "SKIPPED"
    assert re.search(r"SKIPPED.*kernel 'mock' does not offer pause$", report.text, re.MULTILINE)


def test_a_marker_that_can_do_nothing_is_refused(report: Report) -> None:
    """A misspelt capability would skip nothing, or everything, without a word."""
    assert report.outcomes["test_misspelt[mock]"] == "ERROR"
    assert report.outcomes["test_without_kernel"] == "ERROR"
    assert "unknown 'side-output'; known: parallelism," in report.text
    assert "needs a test with the fixture `kernel`" in report.text


def test_the_fixtures_for_functions_belong_together(report: Report) -> None:
    """A scripted service, a moved clock and a harness must be those of one kernel."""
    for name in ("test_harness", "test_harness_was_closed", "test_context"):
        assert report.outcomes[name] == "PASSED", report.text


def test_what_fails_in_close_is_an_error_of_the_test(report: Report) -> None:
    """R5: nothing is swallowed, and the other harnesses are closed all the same."""
    assert report.outcomes["test_bad_close"] == "ERROR"
    assert "Functions under test failed in close(): (2 sub-exceptions)" in report.text


def test_other_fixtures_and_parameters_named_kernel_are_left_alone(report: Report) -> None:
    """Projects have had that name before us: Linux kernels, Jupyter kernels, convolutions."""
    named = ("test_convolution[3]", "test_convolution[5]", "test_linux")

    assert [report.outcomes[name] for name in named] == ["PASSED"] * 3


def test_differences_between_records_are_readable(report: Report) -> None:
    """The report of a failed run is all that most people look at."""
    assert report.outcomes["test_lost"] == "FAILED"
    assert re.search(r"E +missing: +2\n.*E +unexpected: 3\n", report.text)
    # The line of the test, not one of ours.
    assert re.search(r"^test_pipeline.py:\d+: AssertionError$", report.text, re.MULTILINE)


def test_the_plugin_imports_nothing_before_it_is_used(report: Report) -> None:
    """What is imported before a coverage tool starts counts as never run."""
    assert report.outcomes["test_nothing_is_loaded"] == "PASSED", report.text


def test_random_order_time_limits_and_strict_warnings_go_with_it(narrowed: Report) -> None:
    """The plugins and settings that projects have anyway."""
    assert "Using --randomly-seed" in narrowed.text
    assert "timeout: 60.0s" in narrowed.text
    assert "warning" not in narrowed.text.lower()


def test_a_kernel_that_was_asked_for_must_load(pytester: pytest.Pytester) -> None:
    """A misspelt name must not turn a run green."""
    pytester.makepyfile("def test_it(kernel): ...")

    result = pytester.runpytest_inprocess("--kernel", "defualt")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*No kernel named 'defualt'*Did you mean 'default'?*"])


def test_an_installed_kernel_that_cannot_load_is_skipped_with_its_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R16: somebody else's broken plugin must not fail the tests of users who never chose it."""
    pytester.makepyfile("def test_it(kernel): ...")
    monkeypatch.setattr("sage_kernel_mock.pytest_plugin._installed", lambda: ["mock", "gone"])

    result = pytester.runpytest_inprocess("-rs")

    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*kernel 'gone' cannot be loaded: No kernel named 'gone'*"])


def test_the_plugin_can_be_left_out(pytester: pytest.Pytester) -> None:
    """A project whose own option is called --kernel must have a way."""
    pytester.makeconftest(
        """
        import pytest

        def pytest_addoption(parser):
            parser.addoption("--kernel")

        @pytest.fixture
        def kernel(request):
            return request.config.getoption("--kernel")
        """
    )
    pytester.makepyfile("def test_it(kernel): assert kernel == '6.12'")

    result = pytester.runpytest_subprocess("-p", "no:sage-kernel", "--kernel=6.12")

    result.assert_outcomes(passed=1)


def test_coverage_sees_the_package(pytester: pytest.Pytester) -> None:
    """Measured by `coverage run -m pytest`, the lines of modules and classes count as well."""
    pytester.makepyfile("def test_it(manual_clock): manual_clock.advance(1)")
    environment = {**os.environ, "COVERAGE_FILE": str(pytester.path / "data")}
    coverage = [sys.executable, "-m", "coverage"]
    measure = ["run", "--rcfile=/dev/null", "--source=sage_kernel_mock", "-m", "pytest", "-q"]
    show = ["report", "--rcfile=/dev/null", "--include=*/clock.py", "--show-missing"]

    shown = ""
    for command in (measure, show):
        done = subprocess.run(
            [*coverage, *command], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        shown = done.stdout

    # All but two bodies that this run did not need: no line is missed because it ran too early.
    assert re.search(r"clock\.py +\d+ +2 ", shown), shown
