"""The child's side of the doctor: try one plugin, write down what is wrong, and end.

Layer: plugins. Runs in a process of its own; whatever the plugin does stays in it.
"""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Final

from sage_kernel_api.plugins.entries import Entry
from sage_kernel_api.plugins.importing import describe_error
from sage_kernel_api.plugins.loading import load_offer
from sage_kernel_api.plugins.options import describe_options
from sage_kernel_api.plugins.resolve import make_kernel
from sage_kernel_api.plugins.spec import KernelSpec

__all__ = ["main"]

_LARGEST_FILE: Final = 64 * 2**20


def main(request: str, result: str) -> None:
    """Probe the entry that *request* describes, write the problem (or nothing) to *result*."""
    # A plugin that prints without end must not fill the disk until its time is over.
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = _LARGEST_FILE if hard == resource.RLIM_INFINITY else min(_LARGEST_FILE, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    name, value, distribution, version, declared = json.loads(request)
    entry = Entry(name, name, value, distribution, version)
    problem = _problem(entry, frozenset(declared))
    # Written beside and renamed: a result is there whole, or not at all.
    beside = Path(f"{result}.part")
    beside.write_text(problem, encoding="utf-8", errors="backslashreplace")
    beside.replace(result)


def _problem(entry: Entry, declared: frozenset[str]) -> str:
    try:
        _try(entry, declared)
    except KeyboardInterrupt:
        raise
    # Also the plugin's own: `shutdown` may raise what it likes.
    except BaseException as error:  # noqa: BLE001
        if type(error).__module__ == "sage_kernel_api.errors":
            return str(error)
        return f"shutdown() raised {describe_error(error)}"
    return ""


def _try(entry: Entry, declared: frozenset[str]) -> None:
    offer = load_offer(entry, declared)
    if any(option.is_required for option in describe_options(offer.options)):
        return
    make_kernel(offer, KernelSpec(entry.name)).shutdown()
