"""A fresh mock kernel for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sage_kernel_mock import MockKernelFacade


@pytest.fixture
def kernel() -> Iterator[MockKernelFacade]:
    made = MockKernelFacade()
    yield made
    made.shutdown()
