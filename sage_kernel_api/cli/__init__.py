"""The command line ``sage-kernel``: the topmost layer, imported by nobody.

``import sage_kernel_api`` never comes here, so programs do not pay for a command-line library.
"""

from __future__ import annotations

from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line on `sys.argv` and end the process with its exit code."""
    # Inside, so that importing this package stays free of click.
    from sage_kernel_api.cli.app import cli

    cli()
    raise SystemExit(0)
