"""``sage-kernel typecheck``: what the type checkers say of a kernel, as text.

Layer: cli.
"""

from __future__ import annotations

from textwrap import indent

from sage_kernel_api.testing.static.typecheck import TypeReport, Verdict, typecheck_kernel

__all__ = ["type_report"]


def type_report(spec: str) -> tuple[str, bool]:
    """Judge a kernel; return the report, and whether its types are proven.

    Raises:
        KernelError: As `typecheck_kernel`.
    """
    report = typecheck_kernel(spec)
    parts = [
        f"kernel {report.kernel}: {report.factory}",
        *(_shown(verdict) for verdict in report.verdicts),
        _conclusion(report),
    ]
    return "\n".join(parts), report.is_proven


def _shown(verdict: Verdict) -> str:
    if verdict.left_out:
        return f"  {verdict.judge:<9} left out: {verdict.left_out}"
    if not verdict.problems:
        return f"  {verdict.judge:<9} ok"
    problems = "\n".join(indent(problem, "    ") for problem in verdict.problems)
    return f"  {verdict.judge:<9} refused\n{problems}"


def _conclusion(report: TypeReport) -> str:
    if report.is_proven:
        return f"Proven: {len(report.claims)} values have the types that the contract asks for."
    return "Refused: see `Expected` and `write:` above for what the contract asks for."
