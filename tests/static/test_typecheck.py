"""``sage-kernel typecheck``: right kernels pass, wrong ones are told what to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from sage_kernel_api.errors import ConfigurationError, KernelNotFoundError
from sage_kernel_api.plugins import register_kernel, unregister_kernel
from sage_kernel_api.testing.static.typecheck import TypeReport, typecheck_kernel
from sage_kernel_mock import MockKernelFacade
from tests.static.conftest import Install

pytestmark = pytest.mark.slow

Judge = Callable[[Mapping[str, str]], TypeReport]


@pytest.fixture
def judge(install: Install) -> Judge:
    """Returns a call that judges the echo kernel with some of its text replaced."""

    def call(replaced: Mapping[str, str]) -> TypeReport:
        install(replaced)
        return typecheck_kernel("echo")

    return call


def problems(report: TypeReport) -> dict[str, str]:
    return {verdict.judge: "\n".join(verdict.problems) for verdict in report.verdicts}


@pytest.mark.parametrize("name", ["default", "mock"])
def test_the_kernels_that_come_along_are_proven(name: str) -> None:
    """A contract that our own kernels miss is none."""
    report = typecheck_kernel(name)

    assert problems(report) == {"contract": "", "mypy": "", "pyright": ""}
    assert report.is_proven
    assert "job_manager is a JobManager" in report.claims


def test_the_smallest_kernel_is_proven(judge: Judge) -> None:
    """Its author has the least to write, and no class of ours to inherit from."""
    assert judge({}).is_proven


def test_each_fault_is_refused_with_what_to_write(judge: Judge) -> None:
    """Mypy lets a renamed parameter pass, and nothing at run time shows a wrong return type."""
    report = judge(
        {
            "def cancel_job(self, job_id: JobId)": "def cancel_job(self, id: JobId)",
            "        self.get_job_status(job_id)\n        return False": "        return False",
            "def delete_job(self, job_id: JobId) -> bool:": (
                "def delete_job(self, job_id: JobId) -> str:"
            ),
            "    def list_jobs(self)": "    def all_jobs(self)",
        }
    )

    found = problems(report)
    assert not report.is_proven
    renamed = "parameter `id` must be called `job_id`; write: def cancel_job(self, job_id: JobId)"
    assert renamed in found["contract"]
    assert 'Parameter name mismatch: "job_id" versus "id"' in found["pyright"]
    assert "job_manager (JobManager)" in found["mypy"]
    assert "delete_job" not in found["contract"]
    for judged in ("mypy", "pyright"):
        assert "delete_job" in found[judged]
    for judged in found:
        assert "write: def list_jobs(self) -> list[JobStatus]" in found[judged]


def test_a_factory_that_no_file_can_name_is_refused() -> None:
    """Judging something else in its place would prove nothing."""
    register_kernel("hidden", lambda: MockKernelFacade())
    try:
        with pytest.raises(ConfigurationError, match="cannot be named in a file"):
            typecheck_kernel("hidden")
    finally:
        unregister_kernel("hidden")


def test_without_mypy_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof that was not tried must not look like one."""
    monkeypatch.setattr(
        "sage_kernel_api.testing.static.typecheck.has_checker", lambda name: name != "mypy"
    )

    with pytest.raises(ConfigurationError, match="pip install mypy"):
        typecheck_kernel("mock")


def test_an_unknown_kernel_is_refused_as_everywhere() -> None:
    """The name may just be misspelt."""
    with pytest.raises(KernelNotFoundError, match="Did you mean 'mock'"):
        typecheck_kernel("mokc")
