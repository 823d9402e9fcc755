"""What strangers get: two wheels that find each other."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

_PIPELINE = """
import logging
from sage_kernel_api import LocalEnvironment
rows = []
with LocalEnvironment("hello", kernel="echo") as env:
    env.from_collection(["a", "b"]).map(str.upper).sink(rows.append, name="rows")
    env.submit(autostop=True)
print(rows)
"""


@pytest.mark.parametrize(
    ("wheel", "packages"),
    [
        ("sage_kernel", {"sage_kernel_api", "sage_kernel_default", "sage_kernel_mock"}),
        ("sage_kernel_echo", {"sage_kernel_echo"}),
    ],
)
def test_a_wheel_holds_its_packages_typed_and_nothing_else(
    wheels: dict[str, Path], wheel: str, packages: set[str]
) -> None:
    """A stray top-level package would shadow somebody else's; without py.typed mypy sees Any."""
    names = zipfile.ZipFile(wheels[wheel]).namelist()

    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages
    assert {f"{package}/py.typed" for package in packages} <= set(names)
    for name in names:
        assert ".dist-info/" in name or name.endswith((".py", "py.typed", ".txt")), name
        assert "/tests/" not in name


def test_the_wheel_of_the_kernel_has_every_module_of_the_tree(wheels: dict[str, Path]) -> None:
    """A package without ``__init__`` is left out silently."""
    root = Path(__file__).parents[2]
    names = set(zipfile.ZipFile(wheels["sage_kernel"]).namelist())

    for package in ("sage_kernel_api", "sage_kernel_default", "sage_kernel_mock"):
        for module in (root / package).rglob("*.py"):
            assert str(module.relative_to(root)) in names


def test_the_plugin_is_found_by_name_without_being_imported(python: Callable[..., str]) -> None:
    """R16: listing reads metadata; a broken plugin must not disturb a list."""
    shown = python(
        "-c",
        "import sys, json\n"
        "from sage_kernel_api.plugins import available_kernels\n"
        "names = [kernel.name for kernel in available_kernels()]\n"
        "kernels = ('sage_kernel_echo', 'sage_kernel_default', 'sage_kernel_mock')\n"
        "print(json.dumps([names, [name for name in kernels if name in sys.modules]]))",
    )

    names, imported = json.loads(shown)
    assert {"default", "echo", "mock"} <= set(names)
    assert imported == []


def test_a_pipeline_runs_on_the_plugin_by_its_name(python: Callable[..., str]) -> None:
    """The purpose of all this: another kernel by changing one string."""
    assert python("-c", _PIPELINE) == "['A', 'B']\n"


def test_the_code_comes_from_the_wheels(python: Callable[..., str]) -> None:
    """A test that ran this tree instead would prove nothing."""
    shown = python("-c", "import sage_kernel_api, sage_kernel_echo as e; "
                         "print(sage_kernel_api.__file__, e.__file__)")  # fmt: skip

    assert shown.count("site-packages") == 2
