"""From ``FILE[:NAME]`` to a pipeline: find the file, import it, choose what it holds.

Layer: cli. Runs the user's file; starts no job.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeGuard, get_origin

from sage_kernel_api.core.environment import BaseEnvironment, LocalEnvironment
from sage_kernel_api.errors import ConfigurationError, KernelError

__all__ = ["Builder", "Target", "environment_of", "load_target"]

Builder = Callable[[BaseEnvironment[Any]], object]
"""A function that takes an environment and describes a pipeline on it."""


_KNOWN: Final = {known.__name__: known for known in (BaseEnvironment, LocalEnvironment)}


@dataclass(frozen=True, slots=True)
class Target:
    """What ``FILE[:NAME]`` names.

    Attributes:
        path: The file.
        name: An environment or builder function in it; None to look for the only one.
    """

    path: Path
    name: str | None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Split ``FILE[:NAME]``; a colon that is part of an existing path stays there.

        Raises:
            ConfigurationError: FILE does not exist, or is no file, or NAME is no name.
        """
        if Path(text).is_file():
            return cls(Path(text), None)
        head, colon, name = text.rpartition(":")
        path = Path(head if colon else text)
        if path.is_dir():
            raise ConfigurationError(f"{path} is a directory; give a Python file in it.")
        if not path.is_file():
            raise ConfigurationError(f"No file {str(path)!r}. Give FILE or FILE:NAME.")
        if not name.isidentifier():
            raise ConfigurationError(f"In {text!r}, {name!r} behind the colon is not a name.")
        return cls(path, name)


def environment_of(target: Target) -> BaseEnvironment[Any]:
    """Return the environment that *target* names or builds, with its pipeline on it.

    Raises:
        ConfigurationError: As `load_target`; or the file submitted the pipeline itself, or the
            function that describes it raised.
    """
    found = load_target(target)
    if isinstance(found, BaseEnvironment):
        if found.uuid is not None:
            raise ConfigurationError(
                f"{target.path} submits the environment {found.name!r} when it is imported. "
                f'Put submit() below `if __name__ == "__main__":`, or run `python {target.path}`.'
            )
        return found
    environment: LocalEnvironment[Any] = LocalEnvironment(_name_of(found))
    try:
        found(environment)
    except KernelError:
        raise
    except Exception as error:
        said = describe(error, target.path)
        raise ConfigurationError(f"{_name_of(found)}() in {target.path} raised {said}") from error
    return environment


def _name_of(builder: Builder) -> str:
    return str(getattr(builder, "__name__", "pipeline"))


def load_target(target: Target) -> BaseEnvironment[Any] | Builder:
    """Import the file and return what the target names in it.

    The file is imported, not run as a script: a ``if __name__ == "__main__"`` block does not
    run, and its folder comes first on `sys.path`, as it would for ``python FILE``.

    Raises:
        ConfigurationError: The file cannot be imported, has no such name, has nothing to run,
            or, without NAME, more than one thing to run.
    """
    module = _import_file(target.path)
    return _only_candidate(module, target) if target.name is None else _named(module, target)


def _import_file(path: Path) -> ModuleType:
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else "__program__"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is not a Python file (its name must end in .py).")
    module = importlib.util.module_from_spec(spec)
    # Registered first, as an import does: dataclasses and pickle look themselves up there.
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except SystemExit as error:
        raise ConfigurationError(
            f"{path} ended itself with exit code {error.code!r} when it was imported. Move what it "
            'does on its own below `if __name__ == "__main__":`.'
        ) from error
    except Exception as error:
        raise ConfigurationError(f"{path} cannot be imported: {describe(error, path)}") from error
    return module


def describe(error: BaseException, path: Path) -> str:
    """Return ``Type: message (file:line)``, with the innermost line that lies in *path*."""
    said = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    if isinstance(error, SyntaxError):
        return f"{said} ({error.filename or path}:{error.lineno})"
    here = str(path.resolve())
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == here
    ]
    return f"{said} ({path}:{lines[-1]})" if lines else said


def _named(module: ModuleType, target: Target) -> BaseEnvironment[Any] | Builder:
    assert target.name is not None
    missing = object()
    found: Any = getattr(module, target.name, missing)
    if found is missing:
        raise ConfigurationError(f"{target.path} has no {target.name!r}. {_offer(module, target)}")
    if isinstance(found, BaseEnvironment):
        return found
    if _takes_one_argument(found):
        return found
    raise ConfigurationError(
        f"{target.name!r} in {target.path} is {_kind(found)}; what can run is an environment, or a "
        f"function that takes one. {_offer(module, target)}"
    )


def _only_candidate(module: ModuleType, target: Target) -> BaseEnvironment[Any] | Builder:
    candidates = _candidates(module)
    if len(candidates) == 1:
        return next(iter(candidates.values()))
    if not candidates:
        raise ConfigurationError(
            f"{target.path} has nothing to run: no environment at module level, and no function "
            "whose one parameter is annotated as an environment, as in "
            "`def build(env: LocalEnvironment) -> None`."
        )
    raise ConfigurationError(f"{target.path} has several things to run. {_offer(module, target)}")


def _candidates(module: ModuleType) -> dict[str, BaseEnvironment[Any] | Builder]:
    found: dict[str, BaseEnvironment[Any] | Builder] = {}
    seen: set[int] = set()
    for name, value in vars(module).items():
        # Two names of one environment are one candidate.
        if id(value) in seen:
            continue
        if isinstance(value, BaseEnvironment) or _is_builder(value, module):
            found[name] = value
            seen.add(id(value))
    return found


def _is_builder(value: object, module: ModuleType) -> TypeGuard[Builder]:
    """Tell whether *value* is a function of this file whose only parameter is an environment."""
    if not inspect.isfunction(value) or value.__module__ != module.__name__:
        return False
    if not _takes_one_argument(value):
        return False
    first = next(iter(inspect.signature(value).parameters.values()))
    annotation = first.annotation
    if isinstance(annotation, str):
        annotation = _look_up(annotation, module)
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, BaseEnvironment)


def _look_up(annotation: str, module: ModuleType) -> object:
    """Return what an annotation names in *module*, without evaluating it.

    Other annotations of the file may name things that exist for type checkers alone; so may this
    one, and then the classes that everybody knows are meant.
    """
    found: object = module
    path = annotation.strip("'\" ").partition("[")[0]
    for part in path.split("."):
        found = getattr(found, part, None)
    return found if found is not None else _KNOWN.get(path.rpartition(".")[2])


def _takes_one_argument(value: object) -> TypeGuard[Builder]:
    if not callable(value) or isinstance(value, type):
        return False
    try:
        inspect.signature(value).bind(None)
    except (TypeError, ValueError):
        return False
    return True


def _offer(module: ModuleType, target: Target) -> str:
    names = [f"{target.path}:{name}" for name in _candidates(module)]
    return f"Choose one of: {', '.join(names)}" if names else "It has nothing else to run."


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
