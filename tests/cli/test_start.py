"""The command line starts fast, helps, and costs nobody who does not use it anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sage_kernel_api.cli.exit_codes import EXIT_CODE_HELP, exit_code_of
from sage_kernel_api.errors import KernelError
from tests.cli.conftest import CommandLine

COMMANDS = ("list", "doctor", "info", "verify", "run", "explain")


def modules_after(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and return what it imported."""
    result = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint('\\n', *sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(result.stdout.splitlines())


@pytest.mark.parametrize("statement", ["import sage_kernel_api", "import sage_kernel_api.cli"])
def test_importing_the_api_brings_no_command_line_library_along(statement: str) -> None:
    """Every program that uses the API would start slower."""
    assert not {"click", "argparse"} & modules_after(statement)


def test_help_loads_neither_kernels_nor_the_core() -> None:
    """A broken kernel must not be able to break the help."""
    loaded = modules_after(
        "from click.testing import CliRunner\n"
        "from sage_kernel_api.cli.app import cli\n"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0"
    )

    assert not {
        name for name in loaded if name.startswith(("sage_kernel_default", "sage_kernel_mock"))
    }
    assert "sage_kernel_api.core.streams" not in loaded
    assert "importlib_metadata" not in loaded


def test_help_names_every_command_and_every_exit_code(sage_kernel: CommandLine) -> None:
    """A script's author reads the help, not the source."""
    out = sage_kernel("--help").out

    for command in COMMANDS:
        assert f"\n  {command}" in out
    for code, said in EXIT_CODE_HELP.items():
        assert f"\n  {int(code)}" in out
        assert said.split(";")[0] in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_of_its_own(sage_kernel: CommandLine, command: str) -> None:
    """`--help` behind a command is the first thing that people try."""
    outcome = sage_kernel(command, "--help")

    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: sage-kernel {command}") or "Usage:" in outcome.out
    assert "--traceback" in outcome.out


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("run",), ("explain", "x.py", "--format", "png"), ("list", "more")]
)
def test_a_wrong_command_line_ends_with_exit_code_2(
    sage_kernel: CommandLine, arguments: tuple[str, ...]
) -> None:
    """Scripts tell a typo from a failed job by the code."""
    outcome = sage_kernel(*arguments)

    assert outcome.code == 2
    assert "Error:" in outcome.err


def test_every_error_of_the_tree_has_an_exit_code() -> None:
    """A new kind of error must not end the command line with a traceback."""
    kinds = [KernelError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())

    assert {exit_code_of(kind("message")) for kind in kinds} <= set(EXIT_CODE_HELP)
    assert len(kinds) > 20
