"""The kit itself: under pytest, in threads, around a host, and as programs."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.testing import KernelSource, Profile, Verdict, program_for, verify_kernel
from sage_kernel_api.testing.catalogue import contract_tests_for, every_contract_test
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    BrokenPromiseError,
    expect_equal,
    expect_error,
    expect_same_records,
)
from sage_kernel_api.testing.host import Host
from sage_kernel_api.testing.trial import try_test
from sage_kernel_api.values import Capability
from tests.helpers import in_thread

ROOT = Path(__file__).resolve().parents[2]
RIGHT = """
from sage_kernel_api.testing import KernelContract, Profile

class TestMine(KernelContract):
    spec = "mock"
    profiles = (Profile.QUEUES, Profile.STATE)
"""
WRONG = """
from sage_kernel_api.testing import KernelContract, Profile
from tests.conformance.wrong_kernels.jobs import lists_the_latest_job_first

class TestWrong(KernelContract):
    profiles = (Profile.JOBS,)
    def make_kernel(self):
        return lists_the_latest_job_first()
"""


def run_pytest(folder: Path, text: str, *options: str) -> str:
    """Run a test file of a kernel's author in a process of its own."""
    (folder / "test_mine.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", *options, "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.stdout


def test_three_lines_test_a_kernel_under_pytest(tmp_path: Path) -> None:
    """Authors should have to write nothing, and see nothing skipped."""
    out = run_pytest(tmp_path, RIGHT, "-k", "keyed-state or covers")

    assert "test_contract[keyed-state/any_key_has_its_value[None]]" in out
    assert "test_the_kit_covers_what_is_declared" in out
    assert "skipped" not in out
    assert "failed" not in out


def test_a_broken_promise_fails_under_pytest_with_its_program(tmp_path: Path) -> None:
    """The message must be enough to find the fault."""
    out = run_pytest(tmp_path, WRONG, "-k", "order_of_submission")

    assert "jobs/jobs_are_listed_in_the_order_of_submission is broken." in out
    assert "Promise: `list_jobs` has one status per known job, oldest first." in out
    assert "replay(jobs_are_listed_in_the_order_of_submission, TestWrong().make_kernel)" in out


def test_running_the_kit_imports_no_test_framework() -> None:
    """`verify` runs where pytest is not installed; hypothesis comes only with its machines."""
    code = (
        "import sys\n"
        "from sage_kernel_api.testing import verify_kernel, Profile\n"
        "from sage_kernel_api.testing.catalogue import every_contract_test\n"
        "every_contract_test()\n"
        "print({'pytest', '_pytest', 'hypothesis'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "set()\n"


def test_every_test_can_be_made_a_program(tmp_path: Path) -> None:
    """A broken promise without its program could not be looked into."""
    source = KernelSource.of_spec("mock")
    functions = {test.function: test for test in every_contract_test()}
    for number, test in enumerate(functions.values()):
        text = program_for(test, source)
        (tmp_path / f"program_{number}.py").write_text(text, encoding="utf-8")

    assert compileall.compile_dir(tmp_path, quiet=1)
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout[-2000:]


def test_what_is_not_declared_is_not_run_and_what_is_lacking_is_refused() -> None:
    """A flag is a requirement: the same object on both sides."""
    nothing = {test.subject for test in contract_tests_for(frozenset())}
    keyed = frozenset({Capability.KEYED_ROUTING})

    assert not any(isinstance(subject, Capability) for subject in nothing)
    assert all(test.needs <= keyed for test in contract_tests_for(keyed))
    assert sum(test.lacks is not None for test in contract_tests_for(frozenset())) > 30


def test_a_kernel_that_cannot_be_made_is_an_error_before_the_first_test() -> None:
    """Hundreds of equal failures would hide the cause."""

    def broken() -> KernelFacade:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        verify_kernel(broken, [Profile.QUEUES])


def test_tests_of_the_main_thread_refuse_other_threads() -> None:
    """Run elsewhere, they would find nothing and say that all is well."""
    test = next(one for one in every_contract_test() if one.is_on_main_thread)

    with in_thread(try_test, test, KernelSource.of_spec("mock")) as call:
        pass

    assert isinstance(call.error, ConfigurationError)


def test_a_test_that_raises_anything_is_a_broken_promise() -> None:
    """Even an exit of the program must not end the kit."""

    @promise(Profile.CORE)
    def leaves(bench: object) -> None:
        """Leave the program."""
        raise SystemExit(3)

    (test,) = leaves.__dict__["__sage_kernel_promise__"].tests

    outcome = try_test(test, KernelSource.of_spec("mock"))

    assert outcome.verdict is Verdict.BROKEN
    assert outcome.message == "SystemExit: 3"


def test_a_promise_needs_words() -> None:
    """The report shows them; a test without any could not be explained."""

    def silent(bench: object) -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="silent has no docstring"):
        promise(Profile.CORE)(silent)


def test_the_host_sees_a_thread_a_descriptor_and_a_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the kit does not see, it would call clean."""
    before = Host.look()
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="left")
    thread.start()
    descriptor = os.open(os.devnull, os.O_RDONLY)
    monkeypatch.setenv("LEFT", "secret")

    found = "; ".join(before.differences())
    release.set()
    thread.join()
    os.close(descriptor)

    assert "os.environ changed: LEFT" in found
    assert "secret" not in found
    assert "the thread 'left' is left" in found
    assert "/dev/null" in found


@pytest.mark.parametrize(("got", "wanted"), [(0, False), (1, 1.0), ([1, 2], [2, 1]), (None, 0)])
def test_values_that_python_calls_equal_are_told_apart(got: object, wanted: object) -> None:
    """A kernel that makes 0 of False would pass."""
    with pytest.raises(BrokenPromiseError, match="the record: got"):
        expect_equal(got, wanted, "the record")


def test_missing_and_doubled_records_are_both_named() -> None:
    """Lengths alone would be equal."""
    with pytest.raises(BrokenPromiseError, match=r"1 records missing \(2\), 1 too many \(1\)"):
        expect_same_records([1, 1], [1, 2], "the records")


def test_another_error_than_the_promised_one_is_a_broken_promise() -> None:
    """`except Exception` in a test would take any error for the right one."""
    with pytest.raises(BrokenPromiseError, match="must raise KeyError, but raised ValueError"):
        expect_error(KeyError, int, "x")
