"""From the options of a spec to an object of the kernel's own options class.

Layer: plugins. Knows options classes (msgspec Structs, dataclasses) and specs; no kernel.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_type_hints
from weakref import WeakKeyDictionary

from sage_kernel_api.errors import KernelContractError, KernelSpecError
from sage_kernel_api.plugins.names import did_you_mean
from sage_kernel_api.plugins.option_types import Address, OptionType, option_type
from sage_kernel_api.plugins.spec import KernelSpec

__all__ = ["OptionInfo", "describe_options", "read_options"]

OptionsT = TypeVar("OptionsT")
_REQUIRED: Final = object()


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One option of a kernel, for people.

    Attributes:
        name: The key in a spec.
        type_text: What is accepted: ``whole number >= 1``.
        default_text: The default; empty for a required option.
        doc: What it does; may be empty.
        is_required: True if there is no default.
        is_address: True if the address of the spec goes here, not a key.
    """

    name: str
    type_text: str
    default_text: str
    doc: str
    is_required: bool
    is_address: bool


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    type: OptionType
    default: object

    @property
    def is_required(self) -> bool:
        return self.default is _REQUIRED


_KNOWN: Final[WeakKeyDictionary[type, tuple[_Field, ...]]] = WeakKeyDictionary()


def describe_options(options_class: type[Any] | None) -> tuple[OptionInfo, ...]:
    """Return what ``sage-kernel info`` shows of an options class, in the order of its fields.

    Raises:
        KernelContractError: The class is no Struct or dataclass, or a field has a type that
            no text can become.

    Example:
        >>> @dataclass(frozen=True)
        ... class EchoOptions:
        ...     lanes: int = 2
        >>> describe_options(EchoOptions)[0].type_text
        'whole number'
    """
    return tuple(
        OptionInfo(
            field.name,
            field.type.text,
            "" if field.is_required else _show(field.default),
            field.type.doc,
            field.is_required,
            field.type.is_address,
        )
        for field in _fields_of(options_class)
    )


def read_options(spec: KernelSpec, options_class: type[OptionsT], *, origin: str = "") -> OptionsT:
    """Make an options object from what *spec* says; what it leaves out has its default.

    Args:
        spec: The options and perhaps an address.
        options_class: A msgspec Struct or a dataclass.
        origin: Where the spec came from, for messages.

    Raises:
        KernelSpecError: Unknown keys, values of a wrong type, missing ones, an address that
            the kernel does not take, or a refusal by the class itself: all in one error.
        KernelContractError: See `describe_options`.
    """
    fields = {field.name: field for field in _fields_of(options_class)}
    values: dict[str, object] = {}
    problems = [
        *_read_pairs(spec, fields, values),
        *_read_address(spec, fields, values),
        *(
            f"option {field.name!r} is required: {field.type.text}"
            for field in fields.values()
            if field.is_required and field.name not in values and not _is_given(spec, field)
        ),
    ]
    if not problems:
        try:
            return options_class(**values)
        except (TypeError, ValueError) as error:
            raise _error(spec, origin, [f"the options were refused: {error}"]) from error
    raise _error(spec, origin, problems)


def refuse_options(spec: KernelSpec, *, origin: str = "") -> None:
    """Check a spec for a kernel that has no options.

    Raises:
        KernelSpecError: The spec has options or an address.
    """
    problems = [*_read_pairs(spec, {}, {}), *_read_address(spec, {}, {})]
    if problems:
        raise _error(spec, origin, problems)


def _read_pairs(
    spec: KernelSpec, fields: dict[str, _Field], values: dict[str, object]
) -> Iterator[str]:
    accepted = [name for name, field in fields.items() if not field.type.is_address]
    for index, (key, text) in enumerate(spec.options):
        place = f"column {spec.positions[index]}: " if index < len(spec.positions) else ""
        if key not in accepted:
            known = f"accepted are {', '.join(accepted)}" if accepted else "there are no options"
            hint = did_you_mean(key, accepted)
            yield f"{place}unknown option {key[:60]!r};{hint and hint + ' '} {known}".replace(
                "  ", " "
            )
            continue
        try:
            values[key] = fields[key].type.read(text)
        except (ValueError, OverflowError):
            yield f"{place}{key}={text[:60]!r} is not accepted; write {fields[key].type.text}"


def _read_address(
    spec: KernelSpec, fields: dict[str, _Field], values: dict[str, object]
) -> Iterator[str]:
    if spec.authority is None:
        return
    field = next((field for field in fields.values() if field.type.is_address), None)
    if field is None:
        yield f"kernel {spec.name!r} takes no address; leave out '://' and what follows it"
    else:
        values[field.name] = Address(spec.authority, spec.path)


def _is_given(spec: KernelSpec, field: _Field) -> bool:
    """Tell whether the option was there but wrong, which was reported already."""
    return any(key == field.name for key, _ in spec.options)


def _error(spec: KernelSpec, origin: str, problems: list[str]) -> KernelSpecError:
    place = f" ({origin})" if origin else ""
    text = str(spec)
    shown = text if len(text) <= 100 else f"{text[:97]}..."
    return KernelSpecError.listing(f"Kernel spec '{shown}'{place} cannot be used:", problems)


def _fields_of(options_class: type[Any] | None) -> list[_Field]:
    if options_class is None:
        return []
    # Before the cache: what is no class need not be hashable.
    if not isinstance(options_class, type):
        raise KernelContractError(f"{options_class!r} is not an options class")
    if options_class not in _KNOWN:
        # Each start of a kernel asks, and type hints are slow to evaluate.
        _KNOWN[options_class] = _fields_of_class(options_class)
    return list(_KNOWN[options_class])


def _fields_of_class(options_class: type[Any]) -> tuple[_Field, ...]:
    defaults = dict(_defaults(options_class))
    try:
        hints = get_type_hints(options_class, include_extras=True)
        return tuple(_Field(name, option_type(hints[name]), defaults[name]) for name in defaults)
    except (TypeError, NameError, AttributeError) as error:
        raise KernelContractError(
            f"Options class {options_class.__qualname__!r} cannot be read from a spec: {error}. "
            "Use bool, int, float, str, Path, Enum, Literal, Seconds, ByteSize, Address, or "
            "one of these or None."
        ) from error


def _defaults(options_class: type[Any]) -> Iterator[tuple[str, object]]:
    """Yield each field of the class with its default, `_REQUIRED` if it has none."""
    if hasattr(options_class, "__struct_fields__"):
        # Whoever made a Struct has imported msgspec; everybody else does without.
        import msgspec

        for found in msgspec.structs.fields(options_class):
            if found.default_factory is not msgspec.NODEFAULT:
                yield found.name, found.default_factory()
            else:
                missing = found.default is msgspec.NODEFAULT
                yield found.name, _REQUIRED if missing else found.default
    elif dataclasses.is_dataclass(options_class):
        for field in dataclasses.fields(options_class):
            if field.init and field.default_factory is not dataclasses.MISSING:
                yield field.name, field.default_factory()
            elif field.init:
                missing = field.default is dataclasses.MISSING
                yield field.name, _REQUIRED if missing else field.default
    else:
        raise KernelContractError(
            f"Options class {options_class.__qualname__!r} is neither a msgspec Struct nor a "
            "dataclass. Write: class MyOptions(msgspec.Struct, frozen=True): ..."
        )


def _show(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(getattr(value, "value", value))
