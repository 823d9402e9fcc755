"""One engine in a process of its own, asked in lines of JSON.

``python -m benchmarks.peers.worker NAME`` answers one line per line on standard input:

* ``{"do": "describe"}`` -> ``{"version": ..., "runs": {CASE: [{"variant", "side"}]}, "absent":
  {CASE: REASON}}``
* ``{"do": "run", "case": CASE, "number": INDEX, "size": N}`` -> the fields of a `Sample` and
  ``peak_bytes``, the memory that the run took above what was there when it began.

What goes wrong is answered as ``{"error": REASON}``. The end of the input ends the process.
Standard library only, but for the engine itself.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import sys
from collections.abc import Iterable
from importlib import import_module, metadata
from typing import Any, TextIO

from benchmarks import memory
from benchmarks.peers.peer import Peer

__all__ = ["main", "serve"]


def main(name: str) -> None:
    """Serve the engine *name* on standard input and output."""
    # Engines print; their words must not get between our answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(name, sys.stdin, answers)


def serve(name: str, requests: Iterable[str], answers: TextIO) -> None:
    """Answer *requests* until they end."""
    worker = _Worker(name)
    for line in requests:
        try:
            answer = worker.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 - handed to the asker, who shows it
            answer = {"error": f"{type(error).__name__}: {str(error).strip() or 'no message'}"}
        print(json.dumps(answer), file=answers)
    worker.close()


class _Worker:
    def __init__(self, name: str) -> None:
        self._name = name
        self._peer: Peer | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "describe":
            return self._describe()
        return self._run(request["case"], request["number"], request["size"])

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()

    def _load(self) -> Peer:
        # At the first request and not before: a failing import is an answer, too.
        if self._peer is None:
            peer: Peer = import_module(f"benchmarks.peers.{self._name}_peer").PEER
            self._peer = peer
        return self._peer

    def _describe(self) -> dict[str, Any]:
        peer = self._load()
        return {
            "version": metadata.version(peer.distribution),
            "runs": {
                case: [{"variant": run.variant, "side": run.side} for run in runs]
                for case, runs in peer.runs.items()
            },
            "absent": dict(peer.absent),
        }

    def _run(self, case: str, number: int, size: int) -> dict[str, Any]:
        run = self._load().runs[case][number]
        gc.collect()
        memory.reset_peak()
        before = memory.resident_bytes()
        sample = run.function(size)
        peak = max(0, memory.peak_bytes() - before)
        return {**dataclasses.asdict(sample), "peak_bytes": peak}


if __name__ == "__main__":
    main(sys.argv[1])
