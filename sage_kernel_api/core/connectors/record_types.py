"""What a user may say that the records of a file are.

Layer: core.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import inspect

from sage_kernel_api.errors import PipelineError
from sage_kernel_api.lifecycle import shorten_repr

__all__ = ["check_record_type"]

_WITH_FIELDS: Final = (
    inspect.DataclassType,
    inspect.DictType,
    inspect.StructType,
    inspect.TypedDictType,
)


def check_record_type(record_type: Any, what: str, *, has_fields: bool = False) -> None:
    """Refuse a type that no record can be read as.

    Args:
        record_type: What the user gave; None says nothing.
        what: The records, for the message.
        has_fields: Whether it must have fields by name.

    Raises:
        PipelineError: It is none.
    """
    if record_type is None:
        return
    try:
        msgspec.json.Decoder(record_type)
        info = inspect.type_info(record_type)
    except Exception as error:
        raise PipelineError(
            f"{what} cannot be read as {shorten_repr(record_type)}: {error}"
        ) from error
    # msgspec takes any class, and asks at each record for a hook that nobody has given.
    if isinstance(info, inspect.CustomType) or (has_fields and not isinstance(info, _WITH_FIELDS)):
        raise PipelineError(
            f"{what} cannot be read as {shorten_repr(record_type)}. Give a dataclass, a TypedDict "
            f"or a msgspec.Struct{'' if has_fields else ', or a built-in type'}."
        )
