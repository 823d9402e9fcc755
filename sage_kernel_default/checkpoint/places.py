"""From a job's name to its folder: names are keys, never paths.

Layer: checkpoint. Pure.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

__all__ = ["folder_name", "job_key"]

_SHOWN: Final = 40


def job_key(job_name: str) -> bytes:
    """Return the name as bytes: names that differ in any way (also in Unicode form) differ."""
    return job_name.encode("utf-8", "surrogatepass")


def folder_name(job_name: str) -> str:
    """Return a name for the job's folder that is safe on every file system.

    Letters and digits of the name are there for people; the digest alone tells jobs apart.

    Example:
        >>> folder_name("daily report")
        'daily-report-3fd38ab8d2b1f1fe'
        >>> folder_name("../../etc/passwd").startswith("etc-passwd-")
        True
    """
    digest = hashlib.blake2b(job_key(job_name), digest_size=8, person=b"sage-job").hexdigest()
    shown = re.sub(r"[^A-Za-z0-9]+", "-", job_name).strip("-")[:_SHOWN].lower()
    return f"{shown or 'job'}-{digest}"
