"""The commands of ``sage-kernel``: arguments in, one call, exit code out.

Layer: cli. What a command needs is imported inside of it, so that ``--help`` stays fast.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sage_kernel_api.cli.commands import KernelCommand, KernelGroup
from sage_kernel_api.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from sage_kernel_api.core.explain import GraphFormat

__all__ = ["cli"]

_FILE_HELP = """\b
FILE[:NAME]  a Python file, and in it an environment, or a function that
             takes an environment and describes a pipeline on it. Without
             NAME: the only environment at module level, or else the only
             function with one parameter annotated as an environment.

The file is imported, not run as a script: what stands below
`if __name__ == "__main__":` does not run."""


@click.group(
    cls=KernelGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="sage-kernel", prog_name="sage-kernel")
def cli() -> None:
    """Run streaming pipelines, and look at the kernels that can run them."""


@cli.command("list", cls=KernelCommand)
def list_kernels() -> None:
    """List the installed kernels.

    Reads metadata only: no plugin is imported, so a broken one is listed like any other. `doctor`
    tells them apart.
    """
    from sage_kernel_api.cli.kernels import kernel_table

    click.echo(kernel_table())


@cli.command(cls=KernelCommand, short_help="Find out which installed kernels are broken.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest time that one kernel may take to load.",
)
def doctor(timeout_s: float) -> None:
    """Load each installed kernel in a process of its own and show what is wrong.

    A kernel that hangs, exits or crashes disturbs nobody but itself. Ends with exit code 3 if a
    kernel is broken.
    """
    from sage_kernel_api.cli.kernels import examine_kernels

    report, is_healthy = examine_kernels(timeout_s)
    click.echo(report)
    if not is_healthy:
        click.get_current_context().exit(ExitCode.KERNEL)


@cli.command(cls=KernelCommand)
@click.argument("name")
def info(name: str) -> None:
    """Show options, capabilities and origin of the kernel NAME."""
    from sage_kernel_api.cli.kernels import kernel_info

    click.echo(kernel_info(name))


@cli.command(
    cls=KernelCommand, help=f"Run the pipeline in FILE and wait for its end.\n\n{_FILE_HELP}"
)
@click.argument("target", metavar="FILE[:NAME]")
@click.option(
    "--kernel", metavar="SPEC", help="Kernel to run on, as in `default`; wins over what FILE says."
)
@click.option("--quiet", is_flag=True, help="Write no progress.")
def run(target: str, kernel: str | None, quiet: bool) -> None:
    """Run the pipeline in FILE and wait for its end."""
    from sage_kernel_api.cli.jobs import run_job
    from sage_kernel_api.cli.progress import ProgressReporter, terminal_width
    from sage_kernel_api.cli.targets import Target, environment_of

    environment = environment_of(Target.parse(target))
    reporter = ProgressReporter(
        sys.stderr,
        clock=time.monotonic,
        is_terminal=sys.stderr.isatty(),
        width=terminal_width(),
        is_quiet=quiet,
    )
    run_job(environment, kernel, reporter)


@cli.command(cls=KernelCommand, help=f"Show the graph of a pipeline.\n\n{_FILE_HELP}")
@click.argument("target", metavar="FILE[:NAME]")
@click.option(
    "--format",
    "graph_format",
    type=click.Choice(["text", "mermaid", "dot", "json"]),
    default="text",
    show_default=True,
    help="A table, a Mermaid or Graphviz picture, or JSON.",
)
def explain(target: str, graph_format: GraphFormat) -> None:
    """Show the graph of the pipeline in FILE."""
    from sage_kernel_api.cli.targets import Target, environment_of
    from sage_kernel_api.core.explain import describe, render

    environment = environment_of(Target.parse(target))
    click.echo(render(describe(environment), graph_format))
    # The picture helps most where something is wrong, so it comes before the errors.
    environment.build_pipeline_config()


@cli.group()
def savepoint() -> None:
    """Look at savepoints: the state of a job in one file."""


@savepoint.command(cls=KernelCommand)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def show(path: Path, as_json: bool) -> None:
    """Show steps, sizes and positions in the savepoint at PATH.

    The whole file is verified first. Reading it runs no code: objects of the pipeline's own classes
    are shown by their size only.
    """
    from sage_kernel_api.cli.savepoints import savepoint_json, savepoint_table

    click.echo(savepoint_json(path) if as_json else savepoint_table(path))


@savepoint.command(cls=KernelCommand)
@click.argument("path", type=click.Path(path_type=Path))
def verify(path: Path) -> None:
    """Verify the savepoint at PATH from its first byte to its last.

    Ends with exit code 5 if it is damaged, from a newer release, or none at all.
    """
    from sage_kernel_api.cli.savepoints import verify_savepoint

    click.echo(verify_savepoint(path))
