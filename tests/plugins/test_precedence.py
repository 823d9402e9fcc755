"""Who decides which kernel runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from sage_kernel_api.errors import ConfigurationError, KernelNotFoundError, KernelSpecError
from sage_kernel_api.plugins import choose_kernel, resolve_kernel


def test_the_first_that_says_something_wins(tmp_path: Path) -> None:
    """A user who says it on the command line must not be overruled by a file."""
    (tmp_path / "pyproject.toml").write_text('[tool.sage-kernel]\nkernel = "file"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    config: dict[str, object] = {"kernel": "config"}
    variables = {"SAGE_KERNEL": "variable"}

    def chosen(*args: Any, **kwargs: Any) -> object:
        return choose_kernel(*args, directory=inner, **kwargs).kernel

    assert chosen("argument", config, environ=variables) == "argument"
    assert chosen(None, config, environ=variables) == "config"
    assert chosen(None, {"kernel": None}, environ=variables) == "variable"
    assert chosen(None, {}, environ={"SAGE_KERNEL": ""}) == "file"
    (inner / "pyproject.toml").write_text("[project]\n")
    assert chosen(environ={}) == "default"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b'[tool.sage-kernel]\nkernel = "mo\n', 2, "not valid TOML"),
        (b"[project\n", 1, "not valid TOML"),
        (b"a = 1\nb = '\xff'\n", 2, "not UTF-8"),
        (b'[project]\n\n[tool.sage-kernel]\nname = "x"\nkernel = 4\n', 5, "must be text"),
        (b"[tool]\nsage-kernel = 4\n", 2, "must be a table"),
    ],
)
def test_a_broken_pyproject_is_named_with_its_line(
    tmp_path: Path, content: bytes, line: int, words: str
) -> None:
    """A typing error in a file must not silently select another kernel."""
    file = tmp_path / "pyproject.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=words) as caught:
        choose_kernel(environ={}, directory=tmp_path)

    assert str(caught.value).startswith(f"{file}:{line}: ")


def test_errors_tell_where_the_spec_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody finds a mistake in a variable that they forgot about."""
    monkeypatch.setenv("SAGE_KERNEL", "no-such-kernel")
    with pytest.raises(KernelNotFoundError, match="from SAGE_KERNEL"):
        resolve_kernel()
    monkeypatch.setenv("SAGE_KERNEL", "?")
    with pytest.raises(KernelSpecError, match="from SAGE_KERNEL"):
        resolve_kernel()
    with pytest.raises(KernelSpecError, match=r'from config\["kernel"\]'):
        resolve_kernel(config={"kernel": 4})
    with pytest.raises(ConfigurationError, match="config must be a mapping"):
        resolve_kernel(config=cast(Any, 4))
