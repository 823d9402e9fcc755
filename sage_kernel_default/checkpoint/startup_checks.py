"""What a place for checkpoints cannot promise, told when a job starts.

Layer: checkpoint. Pure.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["warnings_for"]

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "virtiofs", "beegfs"}
)
_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


def warnings_for(folder: Path, file_system: str) -> list[str]:
    """Return one sentence per promise that cannot hold there.

    Example:
        >>> warnings_for(Path("/dev/shm/state"), "tmpfs")[0][:60]
        'R3 (durable epoch) cannot hold: /dev/shm/state is on tmpfs, '
    """
    kind = file_system.lower()
    if kind in _MEMORY:
        memory = (
            f"R3 (durable epoch) cannot hold: {folder} is on {kind}, which is memory. Checkpoints "
            "survive the end of the process, not of the machine. Choose a directory on a disk."
        )
        return [memory]
    if kind in _NETWORK:
        network = (
            f"R3 (durable epoch) and R7 (one owner) depend on the server: {folder} is on {kind}, a "
            "network file system, which may cache writes and may not lock across machines. "
            "Choose a local disk."
        )
        return [network]
    return []
