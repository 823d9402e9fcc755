"""A crash in the very first transaction of a state directory must not block it for ever."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from sage_kernel_default.checkpoint import EpochRecord
from sage_kernel_default.checkpoint.real_disk import RealDisk
from sage_kernel_default.checkpoint.sqlite_store import SqliteCheckpointStore

_DIE_IN_A_TRANSACTION = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN IMMEDIATE")
database.execute("CREATE TABLE half (made)")
for _ in range(200):
    database.execute("INSERT INTO half VALUES (randomblob(4000))")
os._exit(0)
"""


def test_a_store_that_was_half_made_by_a_killed_process_can_be_opened(tmp_path: Path) -> None:
    """A job that was killed in its first moment could never be started again."""
    store = SqliteCheckpointStore(tmp_path, RealDisk(), now_s=time.time)
    store.open("job")
    store.close()
    (database,) = tmp_path.glob("*/*.db*")
    for path in database.parent.iterdir():
        if path.name != "lock":
            path.unlink()
    subprocess.run([sys.executable, "-c", _DIE_IN_A_TRANSACTION, str(database)], check=True)
    assert database.with_name(f"{database.name}-journal").exists()

    opened = store.open("job")
    store.commit(EpochRecord(1, []))
    store.close()

    assert opened.latest is None
