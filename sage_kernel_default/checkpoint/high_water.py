"""The high-water mark: how far a job's state had come, told outside of the database.

Layer: checkpoint. Pure.

The database alone cannot know that it is an older copy of itself. So after each epoch its number
and chained digest go to a small file of their own; a database that ends before it is refused.
After an orderly close the file also seals the database as a whole, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

from sage_kernel_api.errors import StoreFormatError

__all__ = ["MARK_VERSION", "HighWaterMark"]

MARK_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class HighWaterMark:
    """One mark.

    Attributes:
        store: Random id of the store; in its database, too.
        attempt: How often the store was opened.
        epoch: Last epoch that may have been reported complete; 0 for none.
        chain: Digest of that epoch and all before it, as hex; empty for none.
        size_bytes, seal: Size and digest of the closed database; -1 and empty while it is in use.
    """

    store: str
    attempt: int
    epoch: int = 0
    chain: str = ""
    size_bytes: int = -1
    seal: str = ""

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        body = json.dumps({"version": MARK_VERSION, **asdict(self)}).encode()
        return body + b"\n" + _sum_of(body) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> HighWaterMark | None:
        """Read the file; None if it is damaged.

        Raises:
            StoreFormatError: A newer release wrote it.
        """
        body, _, rest = data.partition(b"\n")
        if rest != _sum_of(body) + b"\n":
            return None
        # The sum fits, so this is what some release of ours wrote.
        fields = json.loads(body)
        if fields.pop("version") != MARK_VERSION:
            raise StoreFormatError(
                "The state was written by a newer release of sage-kernel. Use that one, or a "
                "newer one."
            )
        return cls(**fields)


def _sum_of(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16, person=b"sage-hw-mark").hexdigest().encode()
