"""The fields of a record, whatever kind of record it is.

Layer: core. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from sage_kernel_api.errors import BadRecordError, PipelineError
from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Payload

__all__ = ["FieldReader", "check_columns"]


class FieldReader:
    """Takes the values of the columns out of records, in the order of the columns.

    A record is a mapping, a dataclass, a ``msgspec.Struct``, a named tuple, or a tuple or list of
    as many values as there are columns.

    Args:
        columns: Their names; None to take them from the first record.

    Attributes:
        columns: Their names; None before the first record.

    Example:
        >>> reader = FieldReader()
        >>> reader.values({"a": 1, "b": 2}), reader.columns
        ([1, 2], ('a', 'b'))
        >>> reader.values((3, 4))
        [3, 4]
    """

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        self.columns: tuple[str, ...] | None = None if columns is None else tuple(columns)
        self._getters: dict[type, Callable[[Any], Sequence[Any]]] = {}

    def values(self, record: Payload) -> list[Payload]:
        """Return the values of one record.

        Raises:
            BadRecordError: It has other fields than the columns, or none at all.
        """
        if isinstance(record, Mapping):
            return self._of_mapping(record)
        names = _field_names(type(record))
        if names is not None:
            return self._of_fields(record, names)
        if isinstance(record, (tuple, list)):
            return self._of_sequence(record)
        raise BadRecordError(
            f"{shorten_repr(record)} has no fields. Give mappings, dataclasses, or tuples with "
            "columns=."
        )

    def _of_mapping(self, record: Mapping[Any, Any]) -> list[Payload]:
        if self.columns is None:
            self.columns = check_columns(list(record))
        if len(record) == len(self.columns):
            try:
                return [record[name] for name in self.columns]
            except KeyError:
                pass
        raise self._unfit(record, record)

    def _of_fields(self, record: Any, names: tuple[str, ...]) -> list[Payload]:
        if self.columns is None:
            self.columns = check_columns(names)
        if names != self.columns and set(names) != set(self.columns):
            raise self._unfit(record, names)
        get = self._getters.get(type(record))
        if get is None:
            get = self._getters[type(record)] = _getter(self.columns)
        return list(get(record))

    def _of_sequence(self, record: Sequence[Any]) -> list[Payload]:
        if self.columns is None:
            raise BadRecordError(
                f"{shorten_repr(record)} has values without names; say columns=[...]."
            )
        if len(record) != len(self.columns):
            raise BadRecordError(
                f"{shorten_repr(record)} has {len(record)} values for {len(self.columns)} columns "
                f"({', '.join(self.columns)})."
            )
        return list(record)

    def _unfit(self, record: object, names: Any) -> BadRecordError:
        found, columns = list(names), self.columns or ()
        lacking = [name for name in columns if name not in found]
        unknown = [name for name in found if name not in columns]
        problems = [f"lacks {name!r}" for name in lacking] + [f"has {name!r}" for name in unknown]
        return BadRecordError(
            f"{shorten_repr(record)} does not fit the columns {', '.join(columns)}: it "
            f"{', '.join(problems)}."
        )


def check_columns(columns: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of columns.

    Raises:
        PipelineError: There are none, one is no text, empty, or there twice (also but for case).
    """
    bad = [name for name in columns if not isinstance(name, str) or not name or "\0" in name]
    if bad or not columns:
        raise PipelineError(
            f"Columns have names of text, at least one, not {shorten_repr(list(columns))}."
        )
    folded = [name.casefold() for name in columns]
    doubled = [name for name in columns if folded.count(name.casefold()) > 1]
    if doubled:
        raise PipelineError(f"The columns {', '.join(map(repr, doubled))} have one name.")
    return tuple(columns)


def _field_names(kind: type) -> tuple[str, ...] | None:
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    names: tuple[str, ...] | None = getattr(kind, "_fields", None)
    return names if issubclass(kind, tuple) else None


def _getter(columns: tuple[str, ...]) -> Callable[[Any], Sequence[Any]]:
    if len(columns) == 1:
        only = columns[0]
        return lambda record: (getattr(record, only),)
    get: Callable[[Any], Sequence[Any]] = attrgetter(*columns)
    return get
