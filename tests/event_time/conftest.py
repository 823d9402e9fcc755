"""Environments on every kernel that knows time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sage_kernel_api import LocalEnvironment


@pytest.fixture(params=["mock", "default"])
def env(request: pytest.FixtureRequest) -> Iterator[LocalEnvironment]:
    with LocalEnvironment("test", kernel=request.param) as made:
        yield made
