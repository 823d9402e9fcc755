"""The capability matrix of the documentation is what the kit found.

``python -m tests.conformance.test_matrix`` writes it anew.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sage_kernel_api.testing import Profile, Report
from sage_kernel_api.testing.matrix import matrix_of
from tests.conformance.conftest import KERNELS, ROOT, report_of

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "capabilities.md"
HEAD = """# What each kernel can do

This page is made from the results of the [conformance kit](verifying-a-kernel.md); write it anew
with `python -m tests.conformance.test_matrix`. Numbers are tests passed of tests run; a dash stands
for what a kernel does not declare: it refuses a pipeline that needs it, before anything runs.

"""


def page(report: Callable[[str, Profile], Report]) -> str:
    """Return the whole page."""
    found = [report(kernel, profile) for profile in Profile for kernel in KERNELS]
    return f"{HEAD}{matrix_of(found)}\n"


def test_the_matrix_of_the_docs_is_up_to_date(report: Callable[[str, Profile], Report]) -> None:
    """A reader would choose a kernel by what it could do last year."""
    assert PAGE.read_text(encoding="utf-8") == page(report)


if __name__ == "__main__":
    PAGE.write_text(page(report_of), encoding="utf-8")
