"""Import the module behind one entry point, and tell what to do if that fails.

Layer: plugins. The only place where a plugin's code begins to run.
"""

from __future__ import annotations

import importlib
import re
from typing import Final

from sage_kernel_api.errors import KernelLoadError
from sage_kernel_api.plugins.entries import Entry

__all__ = ["describe_error", "import_entry", "load_error"]

_VALUE: Final = re.compile(
    r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*)(?:\s*:\s*(?P<attribute>[\w.]+))?"
)


def import_entry(entry: Entry) -> object:
    """Return the module (or the object in it) that *entry* names.

    Raises:
        KernelLoadError: It cannot be imported, for whatever reason: `SystemExit` and every
            other exception but `KeyboardInterrupt`; ``__cause__`` is that exception.
    """
    match = _VALUE.fullmatch(entry.value)
    if match is None:
        raise KernelLoadError(
            f"Kernel {entry.label} names {entry.value!r}, which is neither 'module' nor "
            "'module:attribute'. This is a fault of that distribution."
        )
    try:
        found: object = importlib.import_module(match["module"])
        for name in (match["attribute"] or "").split("."):
            found = getattr(found, name) if name else found
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise load_error(entry, "cannot be imported", error) from error
    return found


def load_error(entry: Entry, what: str, error: BaseException) -> KernelLoadError:
    """Describe why a chosen kernel does not work, with the next step."""
    return KernelLoadError(
        f"Kernel {entry.name!r} is installed ({entry.owner}) but {what}: "
        f"{describe_error(error)}.{_hint(entry, error)}"
    )


def describe_error(error: BaseException) -> str:
    """Return type, message and, for a syntax error, the place, on one line.

    Example:
        >>> describe_error(ImportError("no luck"))
        'ImportError: no luck'
    """
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}:{error.lineno})"
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - a plugin's exception may be broken, too
        text = "its message cannot be shown"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _hint(entry: Entry, error: BaseException) -> str:
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    missing = error.name.partition(".")[0]
    if missing == entry.value.partition(".")[0].partition(":")[0]:
        return f" Its own module is missing: pip install --force-reinstall {entry.distribution}"
    extra = _extra_with(entry.distribution, missing)
    target = f'"{entry.distribution}[{extra}]"' if extra else missing
    return f" Try: pip install {target}"


def _extra_with(distribution: str, module: str) -> str | None:
    """Find the extra of *distribution* that brings the package of *module* along, if any."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        requirements = requires(distribution) or []
    except PackageNotFoundError:
        return None
    for requirement in requirements:
        wanted = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", requirement)
        if wanted and extra and wanted[0].lower().replace("-", "_") == module.lower():
            return extra[1]
    return None
