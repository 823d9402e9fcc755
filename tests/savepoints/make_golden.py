"""Write the golden savepoints of this release: ``python -m tests.savepoints.make_golden``.

Run once for each version of the format; files that are there are never written again.
"""

from __future__ import annotations

from sage_kernel_api.storage.savepoints.frames import FORMAT_VERSION
from tests.savepoints.jobs import GOLDEN, write_golden

if __name__ == "__main__":
    for parallelism in (1, 3):
        path = GOLDEN / f"v{FORMAT_VERSION}-parallelism-{parallelism}.savepoint"
        if not path.exists():
            print(path.name, write_golden(path, parallelism), "bytes")
