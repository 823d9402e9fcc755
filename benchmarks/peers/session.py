"""All peers of one run of the benchmarks: their processes, and which sides they offer."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from benchmarks.measure import SideResult
from benchmarks.peers.client import PeerError, PeerProcess, RemoteSide

__all__ = ["PEERS", "PeerSession"]

PEERS = {
    "bytewax": "bytewax",
    "streamz": "streamz",
    "beam": "apache-beam",
    "isage": "isage",
    "ray": "ray",
}
"""Name in the table: name of the distribution."""


class PeerSession:
    """Start each peer when a case first asks for it; end all of them at the block's end."""

    def __init__(self, python: Path, failures: Mapping[str, str] = MappingProxyType({})) -> None:
        self._python = python
        self._failures = failures
        self._open = ExitStack()
        self._processes: dict[str, PeerProcess] = {}
        self._offers: dict[str, dict[str, Any]] = {}
        self._reasons: dict[str, str] = {}

    def __enter__(self) -> PeerSession:
        """Return the session; nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all processes."""
        self._open.close()

    @property
    def versions(self) -> dict[str, str]:
        """Return the versions of the peers that were started so far."""
        return {name: offer["version"] for name, offer in self._offers.items()}

    def sides(self, case: str) -> tuple[list[RemoteSide], list[SideResult]]:
        """Return the sides that can do *case*, and a reason for each peer that cannot."""
        able: list[RemoteSide] = []
        unable: list[SideResult] = []
        for name in PEERS:
            offer = self._offer(name)
            if offer is None:
                unable.append(SideResult(name, "", reason=self._reasons[name]))
            elif case not in offer["runs"]:
                reason = offer["absent"].get(case, "nothing comparable")
                unable.append(SideResult(name, "", reason=reason))
            else:
                process = self._processes[name]
                for number, run in enumerate(offer["runs"][case]):
                    shown = run["side"] or name
                    able.append(RemoteSide(process, case, number, shown, run["variant"]))
        return able, unable

    def _offer(self, name: str) -> dict[str, Any] | None:
        if name not in self._offers and name not in self._reasons:
            try:
                self._offers[name] = self._start(name)
            except PeerError as error:
                installation = self._failures.get(PEERS[name])
                self._reasons[name] = (
                    f"not installed: {installation}" if installation else f"cannot run: {error}"
                )
        return self._offers.get(name)

    def _start(self, name: str) -> dict[str, Any]:
        process = self._open.enter_context(PeerProcess(name, self._python))
        self._processes[name] = process
        return process.ask({"do": "describe"})
