"""A keyed table that knows what has changed since the last snapshot, at no cost per record.

Layer: engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from itertools import islice
from typing import Any, Final, NamedTuple

from sage_kernel_api.storage.scalars import SCALARS
from sage_kernel_api.values import Payload

__all__ = ["MISSING", "TableChanges", "TrackedTable"]

MISSING: Final = object()
"""What a look into a table gives where there is nothing."""

_NO_DEFAULT: Final = object()

_BASE_FROM: Final = 1024
"""Fewer entries than this are not worth a table of their own in the store."""

_SAMPLE: Final = 1024
"""Keys of a hot table, about, that tell how many have changed."""

_SHARE, _FLAT_SHARE = 2, 6
"""A table is hot when one key in so many changes between two snapshots: of flat values, a snapshot
of all costs a fraction of what it takes to find and store the changed ones."""

_LEAVE: Final = 4 / 3
"""How much fewer must change until it is no longer hot, so that it does not go to and fro."""

_COOL_EPOCHS: Final = 16
"""For so many snapshots a table that was hot is not hot again: whether values that are equal and
the same, such as True, were written anew cannot be seen in it, and so it may have seemed to cool.
"""

_UNSURE_EPOCHS: Final = 16
"""For so many snapshots values that can be changed in place count as changed."""


class TableChanges(NamedTuple):
    """What to store of a table.

    Attributes:
        entries: Keys that were set, with their values; to be read before `TrackedTable.settle`.
        deleted: Keys that were deleted.
        is_base: The entries are all that there are.
        key_columns: Of a base: what `pack_table` left here at the last one, while its keys are
            still the first ones, in the same order.
    """

    entries: Mapping[Payload, Payload]
    deleted: list[Payload]
    is_base: bool
    key_columns: list[bytes]


class TrackedTable(MutableMapping[Payload, Payload]):
    """A mapping in two layers: reads fall through `delta` to `base`, writes go to `delta`.

    So the keys of `delta` are the changed ones, and a key that is hot costs nothing more after
    its first change in an epoch. Both stay the same, exact dictionaries for the whole life:
    compiled loops hold on to them.

    Where many keys change between two snapshots, finding out which ones costs more than storing
    them all: each key's first change is a look into both layers, an entry in a growing dictionary,
    and one more search when the layers are joined, all over the memory. Such a table is **hot**:
    all its entries are in `delta`, nothing is noted, and each snapshot is a new base, read from
    one end to the other. A sample of its keys tells when it has cooled down.

    Attributes:
        delta: Entries set since the last snapshot; of a hot table, all.
        base: Entries as of the last snapshot; those in `delta` are out of date here.
    """

    __slots__ = (
        "_base_from",
        "_cool_left",
        "_deleted",
        "_is_busy",
        "_is_hot",
        "_key_columns",
        "_records",
        "_sample",
        "_stored",
        "_unsure_left",
        "_wants_base",
        "base",
        "delta",
    )

    def __init__(self, base_from: int = _BASE_FROM) -> None:
        """Args: base_from: A smaller table is never hot, nor stored anew for its size."""
        self._base_from = base_from
        self._is_hot = False
        self._is_busy = False
        self._cool_left = 0
        self._records = 0
        self._sample: dict[Payload, Payload] = {}
        self._unsure_left = _UNSURE_EPOCHS
        self._key_columns: list[bytes] = []
        self.delta: dict[Payload, Payload] = {}
        self.base: dict[Payload, Payload] = {}
        self._deleted: set[Payload] = set()
        self._stored = 0
        self._wants_base = True

    # --- as a mapping ------------------------------------------------------------------------

    def __getitem__(self, key: Payload) -> Payload:
        delta = self.delta
        return delta[key] if key in delta else self.base[key]

    def __setitem__(self, key: Payload, value: Payload) -> None:
        self.delta[key] = value

    def __delitem__(self, key: Payload) -> None:
        if self.pop(key, MISSING) is MISSING:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return key in self.delta or key in self.base

    def __iter__(self) -> Iterator[Payload]:
        yield from self.delta
        delta = self.delta
        for key in self.base:
            if key not in delta:
                yield key

    def __len__(self) -> int:
        base = self.base
        return len(base) + sum(key not in base for key in self.delta)

    def get(self, key: Payload, default: Any = None) -> Any:
        """Return the value of *key*, or *default*."""
        delta = self.delta
        return delta[key] if key in delta else self.base.get(key, default)

    def pop(self, key: Payload, default: Any = _NO_DEFAULT) -> Any:
        """Remove *key* and return its value, or *default*."""
        value = self.delta.pop(key, MISSING)
        if (old := self.base.pop(key, MISSING)) is not MISSING:
            self._deleted.add(key)
            value = old if value is MISSING else value
        if value is not MISSING:
            self._key_columns.clear()
            return value
        if default is _NO_DEFAULT:
            raise KeyError(key)
        return default

    def clear(self) -> None:
        """Remove all entries."""
        self._deleted.update(self.base)
        self.base.clear()
        self.delta.clear()
        self._key_columns.clear()

    # --- for snapshots -------------------------------------------------------------------------

    def fill(self, entries: Mapping[Payload, Payload]) -> None:
        """Take up stored entries; only in a new table."""
        self.base.update(entries)

    def note_stored(self, rows: int, *, wants_base: bool) -> None:
        """Take note of what the store already has of the table.

        Args:
            rows: Entries and deletions there.
            wants_base: What is there is not of this instance alone: replace it.
        """
        self._stored = rows
        self._wants_base = wants_base

    def take_changes(self, records: int = 0) -> TableChanges | None:
        """Return what has changed since the last `settle`; None if nothing has.

        All entries, as a new base, when as much was stored since the last base as the table has:
        so the store need not merge large tables, holds at most twice of what they have, and a
        snapshot costs, on average, twice of what has changed.

        Args:
            records: How many the step has taken so far: a hint how many keys may change.
        """
        taken, self._records = records - self._records, records
        delta, deleted = self.delta, self._deleted
        if self._is_hot:
            self._is_busy = self._is_still_busy(taken)
            self._stored = len(delta)
            return TableChanges(delta, [], True, self._key_columns)
        if not delta and not deleted and not self._wants_base:
            return None
        gone = [key for key in deleted if key not in delta]
        changed = len(delta) + len(gone)
        before = len(self.base)
        self.base.update(delta)
        known = len(delta) - (len(self.base) - before)
        self._cool_left = max(0, self._cool_left - 1)
        may_be_hot = before >= self._base_from and not self._cool_left
        self._is_busy = may_be_hot and known * _share_of(delta) >= before
        limit = max(2 * len(self.base), self._base_from)
        is_base = self._wants_base or self._stored + changed > limit
        self._stored = len(self.base) if is_base else self._stored + changed
        self._wants_base = False
        if is_base:
            # Kept only for a table that is stored whole again and again.
            return TableChanges(self.base, [], True, self._key_columns if self._is_busy else [])
        return TableChanges(delta, gone, False, [])

    def settle(self) -> None:
        """Begin the next epoch: what `take_changes` has returned was encoded."""
        self._deleted.clear()
        if self._is_hot:
            if not self._is_busy:
                self._is_hot, self._cool_left = False, _COOL_EPOCHS
                self._sample = {}
                self._key_columns.clear()
                self.base.update(self.delta)
                self.delta.clear()
            return
        self.delta.clear()
        if self._is_busy:
            self._is_hot, self._unsure_left = True, _UNSURE_EPOCHS
            self.delta.update(self.base)
            self.base.clear()
            step = max(1, len(self.delta) // _SAMPLE)
            self._sample = dict(islice(self.delta.items(), 0, None, step))

    def _is_still_busy(self, taken: int) -> bool:
        """Tell whether a hot table, of so many new records, should stay so."""
        sample, delta = self._sample, self.delta
        share = _share_of(sample) * _LEAVE
        self._sample = now = {key: delta.get(key, MISSING) for key in sample}
        same = [value for key, value in sample.items() if value is now[key]]
        # Such values may have been changed in place: believed for a while.
        unsure = len(same) - sum(map(_is_flat, same))
        self._unsure_left = self._unsure_left - 1 if unsure else _UNSURE_EPOCHS
        most = len(sample) - len(same) + (unsure if self._unsure_left > 0 else 0)
        return taken * share >= len(delta) and most * share >= len(sample)


def _share_of(entries: Mapping[Payload, Payload]) -> int:
    """Return the share of changed keys, one in so many, at which a table of such values is hot."""
    values = islice(entries.values(), _SAMPLE)
    return _FLAT_SHARE if all(map(_is_flat, values)) else _SHARE


def _is_flat(value: Payload) -> bool:
    """True for scalars and tuples of them: cheap to store, and never changed in place."""
    kind = type(value)
    return kind in SCALARS or (kind is tuple and SCALARS.issuperset(map(type, value)))
