"""What the command line tells of kernels: the list, the examination, all about one.

Layer: cli. Text only; discovery finds things out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from textwrap import indent

from sage_kernel_api.cli.tables import render_table
from sage_kernel_api.plugins.doctor import KernelProbe, probe_kernels
from sage_kernel_api.plugins.options import OptionInfo
from sage_kernel_api.plugins.registry import KernelInfo, available_kernels
from sage_kernel_api.plugins.resolve import KernelDescription, describe_kernel

__all__ = ["examine_kernels", "kernel_info", "kernel_table"]


def kernel_table() -> str:
    """Return the installed kernels as a table, and what metadata says against some of them."""
    kernels = available_kernels()
    headers = ["kernel", "distribution", "version"]
    if not any(kernel.problems for kernel in kernels):
        return _table(headers, [_origin(kernel) for kernel in kernels])
    rows = [[*_origin(kernel), "; ".join(kernel.problems)] for kernel in kernels]
    return _table([*headers, "problem"], rows)


def examine_kernels(timeout_s: float) -> tuple[str, bool]:
    """Load every kernel in a process of its own.

    Args:
        timeout_s: Longest time for one kernel.

    Returns:
        The report, and whether all kernels are healthy.
    """
    probes = probe_kernels(timeout_s=timeout_s)
    rows = [[*_origin(probe.kernel), probe.outcome] for probe in probes]
    headers = ["kernel", "distribution", "version", "outcome"]
    parts = [
        _table(headers, rows),
        *chain.from_iterable(_complaint(probe) for probe in probes if not probe.is_ok),
    ]
    return "\n\n".join(parts), all(probe.is_ok for probe in probes)


def kernel_info(name: str) -> str:
    """Return all about one kernel: origin, options, capabilities.

    Raises:
        KernelError: It cannot be found or loaded.
    """
    kernel = describe_kernel(name)
    facts = [["distribution", " ".join(_origin(kernel.info)[1:])], ["plugin", kernel.info.value]]
    if kernel.api_version:
        facts.append(["contract", f"version {kernel.api_version}"])
    head = f"{kernel.info.name}: {kernel.summary}" if kernel.summary else kernel.info.name
    return "\n\n".join(
        [
            f"{head}\n{_inset(render_table(facts[0], facts[1:]))}",
            f"Options:\n{_inset(_options(kernel.options))}",
            f"Capabilities:\n{_inset(_capabilities(kernel))}",
        ]
    )


def _origin(kernel: KernelInfo) -> list[str]:
    return [kernel.name or "-", kernel.distribution or "-", kernel.version or "-"]


def _table(headers: list[str], rows: list[list[str]]) -> str:
    return render_table(headers, rows) if rows else "No kernel is installed."


def _complaint(probe: KernelProbe) -> Iterator[str]:
    owner = " ".join(part for part in (probe.kernel.distribution, probe.kernel.version) if part)
    yield f"{probe.kernel.name or '-'} ({owner}):\n{_inset(probe.cause)}"
    if said := probe.output.strip():
        yield _inset(f"It printed:\n{_inset(said)}")


def _options(options: tuple[OptionInfo, ...]) -> str:
    if not options:
        return "none"
    rows = [
        [
            option.name,
            option.type_text,
            "(required)" if option.is_required else option.default_text,
            option.doc,
        ]
        for option in options
    ]
    return render_table(["name", "type", "default", "meaning"], rows)


def _capabilities(kernel: KernelDescription) -> str:
    if not kernel.api_version:
        return "known once its required options are given"
    return "\n".join(sorted(capability.value for capability in kernel.capabilities)) or "none"


def _inset(text: str) -> str:
    return indent(text, "  ")
