"""What the tests of the simulation share."""

from __future__ import annotations

import logging

import pytest


@pytest.fixture
def silence(caplog: pytest.LogCaptureFixture) -> None:
    """Let nobody be warned of the failures that are wanted."""
    caplog.set_level(logging.CRITICAL, "sage_kernel")
