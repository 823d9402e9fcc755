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


@cli.command(cls=KernelCommand, short_help="Find out whether a kernel keeps what it declares.")
@click.argument("spec", metavar="NAME_OR_SPEC")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    help="Test only this part of the contract; may be given several times.",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write all results.",
)
@click.option("--markdown", is_flag=True, help="Print the table for a README.")
@click.option(
    "--programs",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Write a program for each broken promise that shows it again.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="Longest time that one test may take.",
)
@click.option("--quiet", is_flag=True, help="Write no progress.")
def verify(
    spec: str,
    profiles: tuple[str, ...],
    json_file: Path | None,
    markdown: bool,
    programs: Path | None,
    timeout_s: float | None,
    quiet: bool,
) -> None:
    """Run the conformance kit on an installed kernel.

    Every capability that the kernel declares is tested, and nothing that it does not. The table
    goes to standard output, progress to standard error. Ends with 0 if all is kept, with 1 if a
    promise is broken, and with 5 if something declared could not be tested.
    """
    from sage_kernel_api.cli.progress import terminal_width
    from sage_kernel_api.cli.verify import (
        VerifyProgress,
        check_profiles,
        exit_code_for,
        report_text,
        write_programs,
        write_report,
    )
    from sage_kernel_api.cli.verify import verify as run_kit

    progress = VerifyProgress(
        sys.stderr,
        clock=time.monotonic,
        is_terminal=sys.stderr.isatty(),
        width=terminal_width(),
        is_quiet=quiet,
    )
    report, source = run_kit(spec, check_profiles(profiles), timeout_s, progress)
    click.echo(report_text(report, source, is_markdown=markdown))
    if json_file is not None:
        write_report(report, json_file)
    if programs is not None:
        write_programs(report, source, programs)
    click.get_current_context().exit(exit_code_for(report))


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
@click.option(
    "--physical",
    is_flag=True,
    help="Show what the kernel would make of it: chains, lanes, and why chains break.",
)
@click.option(
    "--kernel", metavar="SPEC", help="With --physical: the kernel to ask; wins over what FILE says."
)
def explain(target: str, graph_format: GraphFormat, physical: bool, kernel: str | None) -> None:
    """Show the graph of the pipeline in FILE."""
    from sage_kernel_api.cli.targets import Target, environment_of
    from sage_kernel_api.core.explain import describe, render

    if kernel is not None and not physical:
        raise click.UsageError("--kernel goes with --physical: the plain graph needs no kernel.")
    environment = environment_of(Target.parse(target))
    if physical:
        from sage_kernel_api.cli.jobs import explain_job

        click.echo(explain_job(environment, kernel, graph_format))
        return
    click.echo(render(describe(environment), graph_format))
    # The picture helps most where something is wrong, so it comes before the errors.
    environment.build_pipeline_config()


@cli.group(cls=KernelGroup)
def new() -> None:
    """Write a new project: a kernel, or a pipeline."""


_DIRECTORY = click.option(
    "--directory",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where the project's folder is made; the current folder by default.",
)


@new.command("kernel", cls=KernelCommand)
@click.argument("name")
@_DIRECTORY
def new_kernel(name: str, directory: Path) -> None:
    """Write the project of the kernel NAME: a plugin that installs, runs and is tested.

    It runs pipelines on the caller's thread. Places to go on are marked NEXT.
    """
    from sage_kernel_api.cli.projects import new_kernel

    click.echo(new_kernel(name, directory))


@new.command("pipeline", cls=KernelCommand)
@click.argument("name")
@_DIRECTORY
def new_pipeline(name: str, directory: Path) -> None:
    """Write the project of a pipeline, with tests on the kernel `mock`."""
    from sage_kernel_api.cli.projects import new_pipeline

    click.echo(new_pipeline(name, directory))


@cli.command(cls=KernelCommand)
@click.argument("name", metavar="NAME_OR_SPEC")
def typecheck(name: str) -> None:
    """Prove that an installed kernel has the types that the contract asks for.

    mypy, and pyright if it is installed, judge a generated file in which the kernel's factory
    meets every Protocol that its capabilities call for. Ends with exit code 3 if it is refused.
    """
    from sage_kernel_api.cli.type_report import type_report

    report, is_proven = type_report(name)
    click.echo(report)
    if not is_proven:
        click.get_current_context().exit(ExitCode.KERNEL)


@cli.command(
    cls=KernelCommand,
    short_help="Run a pipeline on several kernels and compare the results.",
    help="Run the bounded pipeline in FILE on several kernels and compare what reaches its "
    "sinks.\n\nRecords are compared as a multiset, and in their order for each key. The sinks "
    "themselves do not run. Ends with exit code 1 if the kernels differ.\n\n" + _FILE_HELP,
)
@click.argument("target", metavar="FILE[:NAME]")
@click.option(
    "--kernels",
    metavar="SPEC,SPEC...",
    default="",
    help="What to compare, the first being the measure; all installed kernels by default.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest time on one kernel.",
)
def diff(target: str, kernels: str, timeout_s: float) -> None:
    """Run the pipeline in FILE on several kernels and compare."""
    from sage_kernel_api.cli.differences import diff_report

    specs = [spec for spec in kernels.split(",") if spec]
    report, agree = diff_report(target, specs, timeout_s, lambda said: click.echo(said, err=True))
    click.echo(report)
    if not agree:
        click.get_current_context().exit(ExitCode.JOB_FAILED)


@cli.command(
    cls=KernelCommand,
    short_help="Run a pipeline through simulated crashes, and see whether it is exact.",
    help="Run the bounded pipeline in FILE in a simulation, once for each seed, through crashes, "
    "lost lanes and failing disks, and compare what reaches its sinks with its run without "
    "faults.\n\nTime is virtual. The sinks themselves do not run. Stops at the first seed that "
    "breaks something, with exit code 1, and says how to run it again.\n\n" + _FILE_HELP,
)
@click.argument("target", metavar="FILE[:NAME]")
@click.option(
    "--seeds", type=click.IntRange(min=1), metavar="N", help="How many; 100, or 1 with --seed."
)
@click.option(
    "--seed",
    "first",
    type=click.IntRange(min=0),
    metavar="S",
    help="The first one; alone: run it again, and show its history.",
)
@click.option(
    "--kernel",
    metavar="SPEC",
    default="default",
    show_default=True,
    help="The kernel that simulates; wins over what FILE says.",
)
def simulate(target: str, seeds: int | None, first: int | None, kernel: str) -> None:
    """Run the pipeline in FILE through simulated faults."""
    from sage_kernel_api.cli.simulations import simulation_report

    start = first or 0
    count = seeds or (100 if first is None else 1)
    report, is_well = simulation_report(
        target, range(start, start + count), kernel, lambda said: click.echo(said, err=True)
    )
    click.echo(report)
    if not is_well:
        click.get_current_context().exit(ExitCode.JOB_FAILED)


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


@savepoint.command("verify", cls=KernelCommand)
@click.argument("path", type=click.Path(path_type=Path))
def verify_file(path: Path) -> None:
    """Verify the savepoint at PATH from its first byte to its last.

    Ends with exit code 5 if it is damaged, from a newer release, or none at all.
    """
    from sage_kernel_api.cli.savepoints import verify_savepoint

    click.echo(verify_savepoint(path))
