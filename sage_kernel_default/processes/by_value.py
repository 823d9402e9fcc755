"""Pickling what the other process could not import: by value, and only once per class.

Layer: processes. Knows cloudpickle; knows nothing of frames and pipes.

A function or class of an importable module travels as its name. Those of ``__main__``, of
a REPL, or of a test module outside ``sys.path`` travel as a whole. The main script is never
run again in the other process, so it needs no ``if __name__ == "__main__"`` guard.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable, Iterable
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType
from typing import Any, Final
from weakref import WeakSet

import cloudpickle  # type: ignore[import-untyped]  # ships no types
from cloudpickle import cloudpickle as _cloud

from sage_kernel_api.values import Payload

__all__ = ["dump_by_value", "load_by_value", "needs_value"]

_marks: Final = {b"__main__"}
"""Names of modules that only this process has, as they would stand in a pickle."""


_INSIDE: Final = ("frozen", "built-in")
"""Origins of modules of the interpreter itself, some of which name a file nevertheless."""


def needs_value(pickled: bytes) -> bool:
    """Tell whether *pickled* may name a module that only this process has.

    May be wrong in one way only: a text that contains such a name costs time, not content.
    """
    return any(mark in pickled for mark in _marks)


def dump_by_value(
    value: Payload, keep: Callable[[pickle.PickleBuffer], object] | None = None
) -> bytes:
    """Pickle *value* with every definition that the other process cannot import.

    Args:
        value: Anything.
        keep: Gets the large buffers, see ``pickle`` on out-of-band data.
    """
    target = io.BytesIO()
    _Pickler(target, protocol=5, buffer_callback=keep).dump(value)
    return target.getvalue()


def load_by_value(pickled: bytes, buffers: Iterable[bytearray] = ()) -> Payload:
    """Undo `dump_by_value`; a class that came before is the same class again."""
    return _Unpickler(io.BytesIO(pickled), buffers=buffers).load()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # untyped base
    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, (type, FunctionType)):
            _note_unimportable(obj.__module__)
        return super().reducer_override(obj)


def _note_unimportable(name: object) -> None:
    module = sys.modules.get(name) if isinstance(name, str) else None
    if module is None or name == "__main__" or _is_importable(module.__name__):
        return
    # Nobody else can import it: to send it by value is right for every later pickle too.
    cloudpickle.register_pickle_by_value(module)
    _marks.add(module.__name__.encode())


@cache
def _is_importable(name: str) -> bool:
    """Tell whether a fresh process with the same ``sys.path`` finds this very module."""
    top, *rest = name.split(".")
    spec = _find_top(top)
    for part in rest:
        if spec is None:
            return False
        if spec.submodule_search_locations is None:
            # Made at run time by its parent, as ``os.path``: importing the parent gives it.
            return True
        top = f"{top}.{part}"
        found = PathFinder.find_spec(top, spec.submodule_search_locations)
        if found is None:
            return getattr(sys.modules[name], "__file__", None) is None
        spec = found
    file = getattr(sys.modules[name], "__file__", None)
    return spec is not None and (file is None or spec.origin in (None, file, *_INSIDE))


def _find_top(name: str) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find(name, None) if find is not None else None
        if spec is not None:
            return spec
    return None


class _Unpickler(pickle.Unpickler):
    """Sets the contents of a class that travels by value when it is made, never again.

    cloudpickle sets them each time the class arrives, which would undo what the program did
    to its own class meanwhile.
    """

    def find_class(self, module: str, name: str, /) -> Any:
        if module == _cloud.__name__ and name in _OVERRIDES:
            return _OVERRIDES[name]
        return super().find_class(module, name)


_unfinished: Final[WeakSet[type]] = WeakSet()


def _make_class(*args: Any) -> Any:
    return _make(_cloud._make_skeleton_class, args, tracker=args[4])


def _make_enum(*args: Any) -> Any:
    return _make(_cloud._make_skeleton_enum, args, tracker=args[5])


def _make(build: Callable[..., Any], args: tuple[Any, ...], tracker: object) -> Any:
    is_new = tracker not in _cloud._DYNAMIC_CLASS_TRACKER_BY_ID
    made = build(*args)
    if is_new:
        _unfinished.add(made)
    return made


def _set_class_state(made: type, state: Any) -> type:
    if made in _unfinished:
        _cloud._class_setstate(made, state)
        _unfinished.discard(made)
    return made


_OVERRIDES: Final[dict[str, Callable[..., Any]]] = {
    "_make_skeleton_class": _make_class,
    "_make_skeleton_enum": _make_enum,
    "_class_setstate": _set_class_state,
}
