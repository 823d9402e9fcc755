"""A kernel that is shut down and leaves nothing, and pipelines in a few words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from tests.helpers import no_leaks


@pytest.fixture
def kernel() -> Iterator[DefaultKernelFacade]:
    with no_leaks():
        facade = DefaultKernelFacade(DefaultOptions(frame_size=16, channel_capacity=32))
        yield facade
        facade.shutdown()


@pytest.fixture
def env(kernel: DefaultKernelFacade) -> LocalEnvironment:
    return LocalEnvironment("test", kernel=kernel)
