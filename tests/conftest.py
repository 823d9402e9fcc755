"""Options and settings of the whole suite.

Three tiers: what runs always; what is marked ``slow``, which CI runs, too (``--slow``); and what is
marked ``soak``, evidence that takes minutes and a quiet machine, run by hand (``--soak``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("project", deadline=None)
# Hundreds of mutants meet each test; a mutant that few examples miss, hundreds rarely find.
settings.register_profile("mutation", deadline=None, max_examples=20)
settings.load_profile("project")

_TIERS = ("slow", "soak")

_DEAR = ("mypy_errors", "pyright_errors", "mypy_cache", "wheels", "project", "report")
"""Fixtures that take long to make: with ``-n`` all their tests go to one worker, which has them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    for tier in _TIERS:
        parser.addoption(
            f"--{tier}", action="store_true", help=f"also run the tests marked `{tier}`"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    unwanted = [tier for tier in _TIERS if not config.getoption(f"--{tier}")]
    left_out = [item for item in items if any(item.get_closest_marker(tier) for tier in unwanted)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        kept = set(items) - set(left_out)
        items[:] = [item for item in items if item in kept]
    for item in items:
        for name in _DEAR:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(autouse=True)
def log_levels_as_found() -> Iterator[None]:
    """An environment sets its kernel's log level for the whole process, as users want it."""
    yield
    logging.getLogger("sage_kernel").setLevel(logging.NOTSET)
    logging.getLogger("sage_kernel.mock").setLevel(logging.NOTSET)
