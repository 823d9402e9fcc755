"""Where the choice of a kernel comes from.

Layer: plugins. Reads the environment and one `pyproject.toml`; parses no spec.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sage_kernel_api.errors import ConfigurationError

__all__ = ["DEFAULT_KERNEL", "ENVIRONMENT_VARIABLE", "KernelChoice", "choose_kernel"]

DEFAULT_KERNEL: Final = "default"
ENVIRONMENT_VARIABLE: Final = "SAGE_KERNEL"
_TABLE: Final = "sage-kernel"


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """What was chosen, and by whom.

    Attributes:
        kernel: A spec, or a kernel object; not looked at yet.
        origin: For messages: ``from SAGE_KERNEL``.
    """

    kernel: object
    origin: str


def choose_kernel(
    argument: object = None,
    config: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> KernelChoice:
    """Apply the order of precedence; the first one that says something wins.

    1. *argument*, unless it is None;
    2. ``config["kernel"]``, unless it is missing or None;
    3. the environment variable ``SAGE_KERNEL``, unless it is unset or empty;
    4. ``kernel`` in the table ``[tool.sage-kernel]`` of the nearest ``pyproject.toml``: the
       first one found from *directory* upwards, whether it has that table or not;
    5. ``"default"``.

    What comes after the winner is not read.

    Args:
        argument: A spec or a kernel.
        config: The environment's configuration.
        environ: In place of `os.environ`.
        directory: Where to begin; the current one if None.

    Raises:
        ConfigurationError: *config* is no mapping, or the ``pyproject.toml`` cannot be read or
            says something else than text; the message names file and line.

    Example:
        >>> choose_kernel("mock").origin
        'from the argument'
        >>> choose_kernel(None, {"kernel": "ray"}, environ={"SAGE_KERNEL": "mock"}).kernel
        'ray'
    """
    if argument is not None:
        return KernelChoice(argument, "from the argument")
    if config is not None and not isinstance(config, Mapping):
        raise ConfigurationError(f"config must be a mapping, not {type(config).__name__}.")
    if config is not None and config.get("kernel") is not None:
        return KernelChoice(config["kernel"], 'from config["kernel"]')
    variables = os.environ if environ is None else environ
    if text := variables.get(ENVIRONMENT_VARIABLE):
        return KernelChoice(text, f"from {ENVIRONMENT_VARIABLE}")
    found = _from_pyproject(directory)
    return found or KernelChoice(DEFAULT_KERNEL, "the default")


def _from_pyproject(directory: Path | None) -> KernelChoice | None:
    try:
        start = (directory or Path.cwd()).resolve()
    except OSError:
        # The current directory was deleted: there is no nearest file.
        return None
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            return _read_pyproject(file)
    return None


def _read_pyproject(file: Path) -> KernelChoice | None:
    data = _read(file)
    tool = _parse(file, data).get("tool")
    table = tool.get(_TABLE) if isinstance(tool, dict) else None
    if table is None:
        return None
    # The name of a project may hold the same words; the table's own heading is sure.
    line = _line_of(data, f"[tool.{_TABLE}]") or _line_of(data, _TABLE) or 1
    if not isinstance(table, dict):
        raise ConfigurationError(f"{file}:{line}: tool.{_TABLE} must be a table.")
    if "kernel" not in table:
        return None
    line = _line_of(data, "kernel", after=line) or line
    if not isinstance(table["kernel"], str):
        raise ConfigurationError(
            f"{file}:{line}: tool.{_TABLE}.kernel must be text such as 'default?lanes=4', "
            f"not {table['kernel']!r}."
        )
    return KernelChoice(table["kernel"], f"from {file}:{line}")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{file}:1: cannot be read while looking for [tool.{_TABLE}]: {error}."
        ) from error


def _parse(file: Path, data: bytes) -> dict[str, object]:
    # Imported here: most programs name their kernel and read no file.
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{file}:{line}: is not UTF-8 text: {error}.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = _line_in(str(error), data)
        raise ConfigurationError(
            f"{file}:{line}: is not valid TOML: {error}. Mend it, or set {ENVIRONMENT_VARIABLE}."
        ) from error


def _line_in(message: str, data: bytes) -> int:
    """Find the line that tomllib names, as in ``(at line 3, column 5)``; else the last one."""
    _, found, rest = message.rpartition("(at line ")
    digits = rest.split(",")[0]
    return int(digits) if found and digits.isdigit() else data.count(b"\n") + 1


def _line_of(data: bytes, word: str, *, after: int = 0) -> int | None:
    """Return the first line that names *word*; behind line *after*, one that begins with it."""
    for number, line in enumerate(data.decode("utf-8").split("\n"), 1):
        text = line.strip()
        is_named = text.startswith(word) if after else word in text
        if number > after and is_named and not text.startswith("#"):
            return number
    return None
