"""Promise R19: nothing listens, and nothing calls home."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys

seen = []
sys.addaudithook(lambda event, _: seen.append(event) if event in WATCHED else None)

from sage_kernel_api import BaseService, LocalEnvironment, MapFunction


class Words(BaseService):
    def upper(self, word):
        return word.upper()


class Shout(MapFunction[str, str]):
    def execute(self, data):
        return self.call_service["words"].upper(data)


with LocalEnvironment("closed", kernel=sys.argv[1]) as env:
    env.register_service("words", Words)
    env.from_collection(["a", "b"]).map(Shout).sink(print)
    env.submit(autostop=True)
assert not seen, seen
"""


@pytest.mark.parametrize("kernel", ["default", "mock"])
def test_r19_a_job_opens_no_socket_to_anywhere(kernel: str) -> None:
    """A laptop in a foreign network must not offer anything to its neighbours."""
    watched = ("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.sendto")

    result = subprocess.run(
        [sys.executable, "-c", f"WATCHED = {watched!r}\n{PROGRAM}", kernel],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout == "A\nB\n"
