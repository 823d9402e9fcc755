"""Where the checkpoints of a job go, unless somebody brings another store.

Layer: jobs.
"""

from __future__ import annotations

import time
from pathlib import Path

from sage_kernel_api.lifecycle import CheckpointConfig
from sage_kernel_default.checkpoint import CheckpointStore

__all__ = ["store_in_files"]


def store_in_files(config: CheckpointConfig) -> CheckpointStore:
    """Return the unopened store of a checked configuration; nothing is touched yet."""
    # Most programs take no checkpoints, and need no database for that.
    from sage_kernel_default.checkpoint.real_disk import RealDisk
    from sage_kernel_default.checkpoint.sqlite_store import SqliteCheckpointStore

    return SqliteCheckpointStore(
        Path(config["directory"]), RealDisk(), now_s=time.time, retain=config.get("retain", 1)
    )
