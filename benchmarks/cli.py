"""``python -m benchmarks [NAME...]``: measure, print one table, write one document."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measure import CaseResult, Effort, SideResult, measure_case
from benchmarks.peers.client import PeerError, PeerProcess, RemoteSide
from benchmarks.peers.environment import default_directory, find_or_create
from benchmarks.peers.session import PEERS, PeerSession
from benchmarks.report import document, machine, table
from benchmarks.values import KERNEL_VARIABLE, Case
from benchmarks.workloads import WORKLOADS

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks.

    Args:
        arguments: Words of the command line; None for those of the process.

    Returns:
        0 if every case was measured on our side; 1 if our side failed in one; 130 if Ctrl-C
        ended it early (what was measured so far is shown). Aims that were missed do not
        count: they are judged by people.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in WORKLOADS]:
        parser.error(f"no workload named {', '.join(unknown)}; known: {', '.join(WORKLOADS)}")
    effort = Effort(
        repetitions=options.repetitions or (3 if options.quick else 9),
        quick=options.quick,
        limit_s=0.1 if options.quick else 1.0,
        is_most=options.repetitions is not None,
    )
    chosen = options.names or list(WORKLOADS)
    cases = [case for name in chosen for case in WORKLOADS[name](options.kernel)]
    with ExitStack() as stack:
        peers = _open_peers(options, stack) if any(case.peers for case in cases) else None
        results, is_complete = _measure_all(cases, peers, options, effort)
        versions = peers.versions if isinstance(peers, PeerSession) else {}
    about = machine()
    print(f"Python {about['python']}, {about['cores']} cores, kernel {options.kernel!r}")
    print(table(results))
    if options.json is not None:
        written = document(results, options.kernel, versions)
        options.json.write_text(json.dumps(written, indent=2) + "\n")
    if not is_complete:
        return _INTERRUPTED
    return 1 if any(side.reason for result in results for side in _local(result)) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure a kernel against hand-written loops and other engines.",
    )
    known = ", ".join(WORKLOADS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"workloads (all): {known}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    parser.add_argument("--kernel", default="default", metavar="SPEC", help="kernel to measure")
    parser.add_argument("--quick", action="store_true", help="small inputs, few repetitions")
    parser.add_argument("--repetitions", type=int, metavar="N", help="most timed rounds")
    parser.add_argument("--no-memory", action="store_true", help="do not measure our own memory")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--no-peers", action="store_true", help="leave the other engines out")
    which.add_argument(
        "--peers-env",
        type=Path,
        metavar="DIR",
        help="environment of the other engines; made if it is not there "
        "(default: $SAGE_KERNEL_PEERS_ENV, or one in the user's cache)",
    )
    return parser


def _open_peers(options: argparse.Namespace, stack: ExitStack) -> PeerSession | str:
    """Return the peers, or the reason why there are none."""
    if options.no_peers:
        return "left out by --no-peers"
    try:
        found = find_or_create(options.peers_env or default_directory(), tell=_tell)
    except (OSError, subprocess.SubprocessError) as error:
        return f"no environment for the peers: {error}"
    return stack.enter_context(PeerSession(found.python, found.failures))


def _measure_all(
    cases: Sequence[Case],
    peers: PeerSession | str | None,
    options: argparse.Namespace,
    effort: Effort,
) -> tuple[list[CaseResult], bool]:
    """Return the results, and whether they are all."""
    results: list[CaseResult] = []
    try:
        for case in cases:
            results.append(_measure(case, peers, options, effort))  # noqa: PERF401 - kept on Ctrl-C
    except KeyboardInterrupt:
        return results, False
    return results, True


def _measure(
    case: Case, peers: PeerSession | str | None, options: argparse.Namespace, effort: Effort
) -> CaseResult:
    able: list[RemoteSide] = []
    unable: list[SideResult] = []
    if case.peers and isinstance(peers, PeerSession):
        able, unable = peers.sides(case.key)
    elif case.peers:
        unable = [SideResult(name, "", reason=str(peers)) for name in PEERS]
    result = measure_case(case, able, effort, tell=_tell)
    for side, remote in zip(result.sides[len(case.sides) :], able, strict=True):
        side.peak_bytes = remote.peak_bytes
    if not options.no_memory:
        _measure_memory(result, options.kernel)
    result.sides += unable
    return result


def _measure_memory(result: CaseResult, kernel: str) -> None:
    """Run each local side once more, in a fresh process as the peers have one."""
    for number, side in enumerate(_local(result)):
        if side.reason is not None:
            continue
        _tell(f"{result.case.key}: memory of {side.side}")
        process = PeerProcess("local", Path(sys.executable), {KERNEL_VARIABLE: kernel})
        with process:
            remote = RemoteSide(process, result.case.key, number, side.side, side.variant)
            try:
                process.ask({"do": "describe"})
                remote.run(side.size)
            except PeerError as error:
                _tell(f"memory of {side.side} is not known: {error}")
            side.peak_bytes = remote.peak_bytes


def _local(result: CaseResult) -> list[SideResult]:
    return result.sides[: len(result.case.sides)]


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
