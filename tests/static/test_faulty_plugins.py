"""Must show 3: a fault in the types of a plugin is refused by both commands, with what to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import pytest

from sage_kernel_api.errors import KernelContractError
from sage_kernel_api.testing import Profile, verify_kernel
from sage_kernel_api.testing.report import Result
from sage_kernel_api.testing.static.typecheck import typecheck_kernel
from tests.static.conftest import Install

pytestmark = pytest.mark.slow

Fault: TypeAlias = tuple[Mapping[str, str], str]

RENAMED: Fault = (
    {
        "def cancel_job(self, job_id: JobId)": "def cancel_job(self, id: JobId)",
        "        self.get_job_status(job_id)\n        return False": "        return False",
    },
    "write: def cancel_job(self, job_id: JobId) -> bool",
)
RETURNS: Fault = (
    {"def delete_job(self, job_id: JobId) -> bool:": "def delete_job(self, job_id: JobId) -> str:"},
    "def delete_job(self, job_id: JobId) -> bool",
)
LACKS: Fault = (
    {"    def list_jobs(self)": "    def all_jobs(self)"},
    "write: def list_jobs(self) -> list[JobStatus]",
)
FAULTS = pytest.mark.parametrize(
    "fault",
    [
        pytest.param(RENAMED, id="a renamed parameter"),
        pytest.param(RETURNS, id="a wrong return type"),
        pytest.param(LACKS, id="a missing member"),
    ],
)


@FAULTS
def test_typecheck_refuses_it_and_says_what_to_write(install: Install, fault: Fault) -> None:
    """An author learns it before the first user."""
    install(fault[0])

    report = typecheck_kernel("echo")

    assert not report.is_proven
    assert fault[1] in "\n".join(one for v in report.verdicts for one in v.problems)


@FAULTS
def test_verify_refuses_it_and_says_what_to_write(install: Install, fault: Fault) -> None:
    """Who runs that command only must not take the kernel for right."""
    install(fault[0])

    assert fault[1] in what_verify_says()


def what_verify_says() -> str:
    """Return why the kernel `echo` is refused: before its first use, or by a broken promise."""
    try:
        report = verify_kernel("echo", [Profile.CORE])
    except KernelContractError as error:
        return str(error)
    assert report.result_of(Profile.CORE) is Result.BROKEN
    return "\n".join(outcome.message for outcome in report.broken)
