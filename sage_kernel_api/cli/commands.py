"""What all commands share: how errors are shown, and which exit code they give.

Layer: cli.
"""

from __future__ import annotations

import traceback
from typing import Any

import click

from sage_kernel_api.cli.exit_codes import EXIT_CODE_HELP, ExitCode, exit_code_of
from sage_kernel_api.cli.interrupts import Interrupted
from sage_kernel_api.errors import KernelError

__all__ = ["KernelCommand", "KernelGroup"]


class KernelCommand(click.Command):
    """A command whose errors are one message, without a traceback unless one is asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(["--traceback"], is_flag=True, help="Show where an error comes from.")
        )

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; end the process with the documented code if it fails."""
        shows_traceback: bool = ctx.params.pop("traceback")
        try:
            result: object = super().invoke(ctx)
        except KernelError as error:
            if shows_traceback:
                click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
            else:
                click.echo(f"Error: {error}", err=True)
            ctx.exit(exit_code_of(error))
        except Interrupted as interrupt:
            ctx.exit(interrupt.exit_code)
        except KeyboardInterrupt:
            # Before there was a job: while the user's file was imported, say.
            ctx.exit(ExitCode.INTERRUPTED)
        return result


class KernelGroup(click.Group):
    """The program: its help ends with the exit codes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each exit code means."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), said) for code, said in EXIT_CODE_HELP.items()])
