"""One half of a job with an exactly-once sink: ``python savepoint_program.py FOLDER KIND N HALF``.

The first half stops with a savepoint, with output that is committed and output that is not; the
second one, another process with another state directory, begins with it. N is the number of
instances of the sink.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sage_kernel_api import LocalEnvironment
from tests.default_recovery.pipelines import Gate

RECORDS = 1000
_COMMITTED, _STOPPED = 300, 600


def build(env: LocalEnvironment, folder: Path, kind: str, parallelism: int) -> None:
    """Write the numbers to a file or a table."""
    numbers: Any = env.from_source(Gate, RECORDS, uid="numbers")
    if kind == "sqlite":
        rows = numbers.map(lambda n: (n,))
        rows.sink_to_sqlite(
            folder / "rows.db", "numbers", {"n": int}, uid="sink", parallelism=parallelism
        )
    else:
        numbers.sink_to_file(folder / "lines", kind, uid="sink", parallelism=parallelism)


def main(folder: Path, kind: str, parallelism: int, half: str) -> None:
    """Run one half."""
    env = LocalEnvironment("halves", kernel="default")
    env.enable_checkpointing(3600.0, folder / f"state-{half}")
    with env:
        build(env, folder, kind, parallelism)
        if half == "second":
            Gate.limit = RECORDS
            env.submit(restore_from=folder / "savepoint", autostop=True)
            return
        Gate.limit = _COMMITTED
        env.submit()
        assert Gate.reached.wait(60)
        env.checkpoint(60)
        Gate.reached.clear()
        Gate.limit = _STOPPED
        assert Gate.reached.wait(60)
        env.stop(savepoint=folder / "savepoint")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
