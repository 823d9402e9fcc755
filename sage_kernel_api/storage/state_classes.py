"""Classes whose objects may be kept in state: an allow-list, made by the pipeline's own code.

Layer: storage. Stored bytes name a class; they are looked up here and nowhere else. Nothing is
imported because bytes say so, so bytes cannot choose what code runs.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from sage_kernel_api.errors import ConfigurationError, StateError
from sage_kernel_api.values import Payload

__all__ = ["StateClass", "registered_state_classes", "state_class", "state_class_of"]

C = TypeVar("C", bound=type[Any])


@dataclass(frozen=True, slots=True)
class StateClass:
    """How objects of one class become plain values and back.

    Attributes:
        cls: The class itself; its subclasses are classes of their own.
        name: What is stored; ``module:qualname`` if the user chose none.
        former_names: Names under which older state knows it.
        to_plain: Gives a value that the codec can encode.
        from_plain: Gives an equal object back.
    """

    cls: type[Any]
    name: str
    former_names: tuple[str, ...]
    to_plain: Callable[[Any], Payload]
    from_plain: Callable[[Payload], Any]


_registered: dict[type[Any], StateClass] = {}


def registered_state_classes() -> tuple[StateClass, ...]:
    """Return all classes that were registered in this process, oldest first."""
    return tuple(_registered.values())


@overload
def state_class(cls: C) -> C: ...
@overload
def state_class(
    cls: None = None,
    *,
    name: str | None = None,
    former_names: Iterable[str] = (),
    to_plain: Callable[[Any], Payload] | None = None,
    from_plain: Callable[[Payload], Any] | None = None,
) -> Callable[[C], C]: ...
def state_class(
    cls: Any = None,
    *,
    name: str | None = None,
    former_names: Iterable[str] = (),
    to_plain: Callable[[Any], Payload] | None = None,
    from_plain: Callable[[Payload], Any] | None = None,
) -> Any:
    """Allow objects of a class in checkpoints and savepoints. A class decorator.

    Dataclasses, ``NamedTuple`` classes and enums need nothing else; their fields are stored by
    name, so a field may be added (with a default) and the order may change. No ``__init__`` or
    ``__post_init__`` runs when they are read. Other classes give *to_plain* and *from_plain*.

    Args:
        cls: The class.
        name: What state calls it; ``module:qualname`` by default. Give one if the class may
            move, or is defined in a file that is run as a program.
        former_names: Names that older state knows it by.
        to_plain: Turns an object into a plain value.
        from_plain: Turns that value into an equal object.

    Raises:
        ConfigurationError: The class is of no known kind and the functions are missing, or
            another class has that name.

    Example:
        >>> from dataclasses import dataclass
        >>> from sage_kernel_api.storage.value_codec import ValueCodec
        >>> @state_class(name="shop.Order")
        ... @dataclass(frozen=True)
        ... class Order:
        ...     item: str
        ...     count: int = 1
        >>> codec = ValueCodec()
        >>> codec.decode(codec.encode(Order("tea")))
        Order(item='tea', count=1)
    """

    def register(found: C) -> C:
        entry = state_class_of(found, name, former_names, to_plain, from_plain)
        for name_ in (entry.name, *entry.former_names):
            _check_free(name_, found)
        _registered.pop(found, None)
        _registered[found] = entry
        return found

    return register if cls is None else register(cls)


def state_class_of(
    cls: type[Any],
    name: str | None = None,
    former_names: Iterable[str] = (),
    to_plain: Callable[[Any], Payload] | None = None,
    from_plain: Callable[[Payload], Any] | None = None,
) -> StateClass:
    """Return the entry of one class without registering it. Arguments as `state_class`.

    Raises:
        ConfigurationError: As `state_class`.
    """
    if (to_plain is None) != (from_plain is None):
        raise ConfigurationError(
            f"State class {cls.__qualname__}: give both to_plain= and from_plain=, or neither."
        )
    if to_plain is None or from_plain is None:
        to_plain, from_plain = _known_kind(cls)
    return StateClass(
        cls,
        name or f"{cls.__module__}:{cls.__qualname__}",
        tuple(former_names),
        to_plain,
        from_plain,
    )


def _check_free(name: str, cls: type[Any]) -> None:
    for other in tuple(_registered.values()):
        if name not in (other.name, *other.former_names):
            continue
        # A notebook cell that is run again defines "the same" class anew: the latest one counts.
        if (other.cls.__module__, other.cls.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ConfigurationError(
                f"Two classes are called {name!r} in state: {other.cls.__module__}."
                f"{other.cls.__qualname__} and {cls.__module__}.{cls.__qualname__}. Give one of "
                "them another name=."
            )


def _known_kind(cls: Any) -> tuple[Callable[[Any], Payload], Callable[[Payload], Any]]:
    if not isinstance(cls, type):
        raise ConfigurationError(f"state_class takes a class, not {cls!r}.")
    if issubclass(cls, enum.Flag):
        # A combination of flags has no name of its own.
        return (lambda member: member.value), cls
    if issubclass(cls, enum.Enum):
        return (lambda member: member.name), (lambda name: cls[name])
    if dataclasses.is_dataclass(cls):
        return _dataclass_kind(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _named_tuple_kind(cls)
    raise ConfigurationError(
        f"State class {cls.__qualname__} is no dataclass, NamedTuple or Enum: give "
        "state_class(to_plain=..., from_plain=...): from an object to a plain value, and back."
    )


def _dataclass_kind(cls: type[Any]) -> tuple[Callable[[Any], Payload], Callable[[Payload], Any]]:
    fields = {field.name: field for field in dataclasses.fields(cls)}

    def to_plain(value: Any) -> Payload:
        return {name: getattr(value, name) for name in fields}

    def from_plain(plain: Payload) -> Any:
        _check_fields(cls, plain, fields)
        value = object.__new__(cls)
        for name, field in fields.items():
            if name in plain:
                item = plain[name]
            elif field.default is not dataclasses.MISSING:
                item = field.default
            elif field.default_factory is not dataclasses.MISSING:
                item = field.default_factory()
            else:
                raise _missing(cls, name)
            # Frozen ones refuse plain assignment.
            object.__setattr__(value, name, item)
        return value

    return to_plain, from_plain


def _named_tuple_kind(cls: Any) -> tuple[Callable[[Any], Payload], Callable[[Payload], Any]]:
    def to_plain(value: Any) -> Payload:
        return dict(zip(cls._fields, value, strict=True))

    def from_plain(plain: Payload) -> Any:
        _check_fields(cls, plain, cls._fields)
        known = {**cls._field_defaults, **plain}
        for name in cls._fields:
            if name not in known:
                raise _missing(cls, name)
        # Not through the class: a `__new__` of the user's own might ask for other arguments.
        return tuple.__new__(cls, [known[name] for name in cls._fields])

    return to_plain, from_plain


def _check_fields(cls: type[Any], plain: Payload, fields: Iterable[str]) -> None:
    if not isinstance(plain, dict):
        raise StateError(f"Stored {cls.__qualname__}: fields expected, not {type(plain).__name__}.")
    if gone := sorted(str(name) for name in plain if name not in set(fields)):
        raise StateError(
            f"Stored objects of {cls.__qualname__} have fields that the class lacks: "
            f"{', '.join(gone)}. Keep the fields, or upgrade the state."
        )


def _missing(cls: type[Any], name: str) -> StateError:
    return StateError(
        f"Stored objects of {cls.__qualname__} have no field {name!r}. Give the field a default, "
        "or upgrade the state."
    )
