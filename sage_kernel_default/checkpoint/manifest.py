"""What an epoch consists of: metadata and a list of segments, as JSON, chained to the one before.

Layer: checkpoint. Pure. Nobody loads an epoch but through its manifest, so a segment that is
missing, changed, older, or in the place of another one shows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sage_kernel_api.errors import CheckpointError, StoreCorruptError
from sage_kernel_default.checkpoint.values import EpochInfo, JsonObject

__all__ = ["Manifest", "SegmentRef", "StoredEpoch"]


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """One stored piece of state.

    Attributes:
        id: Its row.
        step, index: Whose state it is.
        table: Keyed table; None for the operator state of the instance.
        digest: Of what it holds and whose it is, as hex.
        size_bytes: What it takes.
        rows, deletions, is_base: As in `KeyedChanges`; 0 and False for operator state.
        run: Pieces of one run were written together: the epoch that wrote them.
        keys_id: Row of the column of its keys, which other pieces may share; 0 if its own row has
            it.
        keys_digest, keys_bytes: As *digest* and *size_bytes*, of that row.
    """

    id: int
    step: str
    index: int
    table: str | None
    digest: str
    size_bytes: int
    rows: int = 0
    deletions: int = 0
    is_base: bool = False
    run: int = 0
    keys_id: int = 0
    keys_digest: str = ""
    keys_bytes: int = 0

    @property
    def rows_used(self) -> dict[int, str]:
        """Rows of the store that it consists of, and their digests."""
        shared = {self.keys_id: self.keys_digest} if self.keys_id else {}
        return {self.id: self.digest, **shared}

    @property
    def total_bytes(self) -> int:
        """What it takes with its keys."""
        return self.size_bytes + self.keys_bytes

    def to_json(self) -> list[object]:
        """Return it as a JSON list."""
        shared = (self.keys_id, self.keys_digest, self.keys_bytes) if self.keys_id else ()
        return [
            *(self.id, self.step, self.index, self.table, self.digest, self.size_bytes),
            *(self.rows, self.deletions, self.is_base, self.run, *shared),
        ]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One epoch.

    Attributes:
        epoch: Its number.
        previous: Chain of the epoch before; empty for the first.
        attempt: The opening of the store in which it was written.
        completed_at_s, is_final, metadata: As in `EpochInfo`.
        written_bytes: New state in it.
        steps: Parallelism by step.
        retained: Chain by number of the older epochs that were kept beside it.
        segments: In the order in which they are applied.
    """

    epoch: int
    previous: str
    attempt: int
    completed_at_s: float
    is_final: bool
    metadata: JsonObject
    written_bytes: int
    steps: dict[str, int]
    retained: dict[int, str]
    segments: tuple[SegmentRef, ...]

    def info(self) -> EpochInfo:
        """Return what is told about it."""
        size = sum(segment.total_bytes for segment in self.segments)
        return EpochInfo(
            *(self.epoch, self.completed_at_s, size, self.written_bytes),
            *(self.is_final, self.metadata),
        )

    @property
    def rows_used(self) -> set[int]:
        """Rows of the store that it consists of."""
        return {row for segment in self.segments for row in segment.rows_used}

    def to_bytes(self) -> bytes:
        """Return it as JSON text.

        Raises:
            CheckpointError: The metadata are no JSON.
        """
        try:
            return json.dumps(
                {
                    "epoch": self.epoch,
                    "previous": self.previous,
                    "attempt": self.attempt,
                    "completed_at_s": self.completed_at_s,
                    "is_final": self.is_final,
                    "metadata": self.metadata,
                    "written_bytes": self.written_bytes,
                    "steps": self.steps,
                    "retained": [[epoch, chain] for epoch, chain in self.retained.items()],
                    "segments": [segment.to_json() for segment in self.segments],
                },
                allow_nan=False,
                separators=(",", ":"),
            ).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise CheckpointError(
                f"Epoch {self.epoch}: its metadata cannot be written as JSON: {error}."
            ) from error


@dataclass(frozen=True, slots=True)
class StoredEpoch:
    """A manifest and its place in the history.

    Attributes:
        manifest: What the epoch consists of.
        chain: Digest of the epoch and, through ``previous``, of all before it.
    """

    manifest: Manifest
    chain: str

    @classmethod
    def of(cls, manifest: Manifest, data: bytes) -> StoredEpoch:
        """Return the epoch of a manifest that is about to be stored as *data*."""
        return cls(manifest, _chain_of(manifest.previous, data))

    @classmethod
    def read(cls, epoch: int, data: bytes, chain: str) -> StoredEpoch:
        """Read and verify one.

        Raises:
            StoreCorruptError: It is damaged, or in the place of another one.
        """
        try:
            fields = json.loads(data)
            manifest = Manifest(
                **{
                    **fields,
                    "retained": {int(number): found for number, found in fields["retained"]},
                    "segments": tuple(SegmentRef(*item) for item in fields["segments"]),
                }
            )
            if manifest.epoch == epoch and _chain_of(manifest.previous, data) == chain:
                return cls(manifest, chain)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        raise StoreCorruptError(f"The manifest of epoch {epoch} is damaged.")


def _chain_of(previous: str, manifest: bytes) -> str:
    return hashlib.blake2b(
        previous.encode() + b"\n" + manifest, digest_size=16, person=b"sage-epoch"
    ).hexdigest()
