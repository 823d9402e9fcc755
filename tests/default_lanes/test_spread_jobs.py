"""Jobs over process lanes behave like any other."""

from __future__ import annotations

import threading

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade
from tests.default_lanes.conftest import WAIT_S
from tests.default_lanes.functions import WithPid


def test_looking_at_a_job_does_not_change_how_it_ends(kernel: DefaultKernelFacade) -> None:
    """A dashboard that polled the status once turned finished jobs into failed ones."""
    for number in range(5):
        env = LocalEnvironment(f"watched-{number}", kernel=kernel)
        found: list[object] = []
        env.from_collection(range(50)).map(WithPid, parallelism=2).set_placement("process").map(
            lambda pair: pair[1]
        ).sink(found.append)
        env.submit()
        looker = threading.Thread(target=_look_until_the_end, args=(env,))
        looker.start()

        assert env.wait(WAIT_S)["state"] is JobState.FINISHED
        looker.join()
        assert len(found) == 50


def _look_until_the_end(env: LocalEnvironment) -> None:
    while not env.status()["state"].is_terminal:
        pass
