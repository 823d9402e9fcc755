"""Our end of the line to a peer's process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.values import Sample

__all__ = ["PeerError", "PeerProcess", "RemoteSide"]

_ROOT = Path(__file__).resolve().parents[2]
_ANSWER_S = 120.0
_END_S = 20.0


class PeerError(RuntimeError):
    """A peer cannot be used, failed, or did not answer; the message is the reason."""


class PeerProcess:
    """A worker process of one engine; a context manager that ends it with its children."""

    def __init__(
        self, name: str, python: Path, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.name = name
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.peers.worker", name],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT), **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> PeerProcess:
        """Return the process."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and return its answer.

        Raises:
            PeerError: The answer is an error, the process has died, or it did not answer in
                time (it is killed then).
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(_ANSWER_S, self._kill)
        watchdog.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watchdog.cancel()
        if not line:
            raise PeerError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process and what it started. Idempotent."""
        if self._words.closed:
            return
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                # A request that a dead process never read is still in the buffer.
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill()
            self._process.wait()
            self._words.close()

    def _kill(self) -> None:
        # The whole session: an engine may have started processes of its own.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _last_words(self) -> str:
        code = self._process.wait()
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else "it said nothing"
        if code == -signal.SIGKILL:
            return f"killed: no answer within {_ANSWER_S:g} s; last words: {last}"
        return f"ended with code {code}: {last}"


class RemoteSide:
    """One way in which a peer does one case, as a side like the local ones."""

    def __init__(
        self, process: PeerProcess, case: str, number: int, name: str, variant: str
    ) -> None:
        self.name = name
        self.variant = variant
        self.peak_bytes: int | None = None
        self._process = process
        self._case = case
        self._number = number

    def run(self, size: int) -> Sample:
        """Let the peer do the work once, and note its memory.

        Raises:
            PeerError: It failed.
        """
        answer = self._process.ask(
            {"do": "run", "case": self._case, "number": self._number, "size": size}
        )
        self.peak_bytes = answer["peak_bytes"]
        return Sample(answer["seconds"], answer["operations"], answer["outcome"], answer["details"])
