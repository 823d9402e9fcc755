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


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('[tool.sage-kernel]\nkernel = "x"\n', 2),
        ('kernel = 1\n# sage-kernel\n[tool.sage-kernel]\n# kernel\n  kernel = "x"\n', 5),
        ('[tool]\nname = "a"\nsage-kernel.kernel = "x"\n', 3),
        ('[tool]\nsage-kernel = { kernel = "x" }\n', 2),
        ('[tool."sage\\u002dkernel"]\n"kernel" = "x"\n', 1),
        ('[project]\nname = "sage-kernel"\nkernel = 1\n[tool.sage-kernel]\nkernel = "x"\n', 5),
    ],
)
def test_the_line_that_chose_is_told(tmp_path: Path, content: str, line: int) -> None:
    """A choice that surprises must be found in its file."""
    file = tmp_path / "pyproject.toml"
    file.write_text(content)

    choice = choose_kernel(environ={}, directory=tmp_path)

    assert (choice.kernel, choice.origin) == ("x", f"from {file}:{line}")


def test_each_origin_is_told_in_words() -> None:
    """Errors end in these words."""
    assert choose_kernel("x").origin == "from the argument"
    assert choose_kernel(None, {"kernel": "x"}).origin == 'from config["kernel"]'
    assert choose_kernel(environ={"SAGE_KERNEL": "x"}).origin == "from SAGE_KERNEL"


def test_without_any_file_the_default_runs(tmp_path: Path) -> None:
    """A first program has no configuration at all."""
    (tmp_path / "pyproject.toml").write_text("[tool.sage-kernel]\n")

    choice = choose_kernel(environ={}, directory=tmp_path)

    assert (choice.kernel, choice.origin) == ("default", "the default")


@pytest.mark.parametrize("content", ["", "tool = 4\n", "[tool.other]\nkernel = 4\n"])
def test_a_file_that_says_nothing_of_kernels_is_no_mistake(tmp_path: Path, content: str) -> None:
    """Most `pyproject.toml` files are such."""
    (tmp_path / "pyproject.toml").write_text(content)

    assert choose_kernel(environ={}, directory=tmp_path).kernel == "default"


def test_the_search_begins_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for every other tool that reads the file, and a folder of that name is no file."""
    inner = tmp_path / "inner" / "pyproject.toml"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.sage-kernel]\nkernel = "x"\n')
    monkeypatch.chdir(inner)
    monkeypatch.delenv("SAGE_KERNEL", raising=False)

    assert choose_kernel().kernel == "x"


def test_in_a_folder_that_is_gone_the_default_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service whose start folder was cleaned up must not crash for that."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert choose_kernel(environ={}).kernel == "default"


def complaint(directory: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        choose_kernel(environ={}, directory=directory)
    return str(caught.value)


def test_what_is_wrong_with_the_file_is_told_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may be one that the user did not think of."""
    file = tmp_path / "pyproject.toml"
    file.write_bytes(b"[tool]\nx = 1\nsage-kernel = 4\n")
    assert complaint(tmp_path) == f"{file}:3: tool.sage-kernel must be a table."
    file.write_bytes(b"[tool.sage-kernel]\nkernel = 4\n")
    assert complaint(tmp_path) == (
        f"{file}:2: tool.sage-kernel.kernel must be text such as 'default?lanes=4', not 4."
    )
    file.write_bytes(b"a = 1\n\nb = '\xff'\n")
    assert complaint(tmp_path).startswith(f"{file}:3: is not UTF-8 text: 'utf-8' codec can't")
    file.write_bytes(b"a = 1\n\nb = [1,\n")
    assert complaint(tmp_path).startswith(f"{file}:4: is not valid TOML: ")
    assert complaint(tmp_path).endswith(". Mend it, or set SAGE_KERNEL.")
    file.write_bytes(b"a = 1\nb = = 2\nc = 2\n")
    assert complaint(tmp_path).startswith(f"{file}:2: is not valid TOML: ")
    file.write_bytes(b"a = " + b"[" * 100_000)
    assert complaint(tmp_path).startswith(f"{file}:1: is not valid TOML: ")

    def refused(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert complaint(tmp_path) == (
        f"{file}:1: cannot be read while looking for [tool.sage-kernel]: "
        "[Errno 13] Permission denied."
    )


def test_a_config_that_is_no_mapping_is_refused() -> None:
    """A list from a file would otherwise fail with a word about indices."""
    with pytest.raises(ConfigurationError) as caught:
        choose_kernel(None, cast(Any, [1]))

    assert str(caught.value) == "config must be a mapping, not list."
