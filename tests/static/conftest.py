"""Plugins with faults in their types, and who judges them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.plugins import register_kernel, unregister_kernel

ROOT = Path(__file__).parents[2]
ECHO = ROOT / "plugins" / "sage-kernel-echo" / "sage_kernel_echo"

Install = Callable[[Mapping[str, str]], None]
"""Takes what to replace in the text of a right kernel, which is then known as `echo`."""


@pytest.fixture(autouse=True)
def mypy_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for all: most of the time goes into types that never change."""
    monkeypatch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "mypy-of-kernels"))


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Install]:
    """Returns a call that registers the echo kernel with some of its text replaced."""
    package = f"echo_{abs(hash(request.node.nodeid))}"
    monkeypatch.syspath_prepend(str(tmp_path))

    def call(replaced: Mapping[str, str]) -> None:
        folder = tmp_path / package
        folder.mkdir()
        for file in ECHO.glob("*.py"):
            text = file.read_text().replace("sage_kernel_echo", package)
            for old, new in replaced.items() if file.name == "kernel.py" else ():
                assert old in text
                text = text.replace(old, new)
            (folder / file.name).write_text(text)
        (folder / "py.typed").touch()
        kernel = importlib.import_module(f"{package}.kernel")
        factory: Callable[[], KernelFacade] = kernel.EchoKernel
        register_kernel("echo", factory)

    yield call
    unregister_kernel("echo")
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]
