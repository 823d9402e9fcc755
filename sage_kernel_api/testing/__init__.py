"""For authors of kernels and of pipelines: is my kernel right, and what did my pipeline do?

``sage-kernel verify NAME`` judges a kernel without a line of code. Under pytest, inherit from
`KernelContract`. From a program, call `verify_kernel`. None of them needs pytest; the state
machines need hypothesis: ``pip install "sage-kernel[testing]"``.

What tests of pipelines share stands in modules of its own: `assertions` compares records,
`collect_sink` gathers them, `script` plays them in.

Names are looked up when they are first used: a test runner may import this package early.

Layer: testing, on top beside the command line. Kernels never import it; their tests do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sage_kernel_api.testing.backdoors import BackDoors, Door, HasManualTime
    from sage_kernel_api.testing.contract_test import ContractTest, promise
    from sage_kernel_api.testing.exchange import exchange_savepoint
    from sage_kernel_api.testing.kernel_contract import KernelContract
    from sage_kernel_api.testing.kernel_source import KernelSource
    from sage_kernel_api.testing.profiles import KIT_VERSION, Profile
    from sage_kernel_api.testing.programs import program_for, replay
    from sage_kernel_api.testing.report import Report, Result
    from sage_kernel_api.testing.trial import Outcome, Verdict
    from sage_kernel_api.testing.verifying import verify_kernel
    from sage_kernel_api.testing.workbench import Workbench

__all__ = [
    "KIT_VERSION",
    "BackDoors",
    "ContractTest",
    "Door",
    "HasManualTime",
    "KernelContract",
    "KernelSource",
    "Outcome",
    "Profile",
    "Report",
    "Result",
    "Verdict",
    "Workbench",
    "exchange_savepoint",
    "program_for",
    "promise",
    "replay",
    "verify_kernel",
]

_HOMES = {
    "backdoors": (
        "BackDoors",
        "Door",
        "HasManualTime",
    ),
    "contract_test": (
        "ContractTest",
        "promise",
    ),
    "exchange": ("exchange_savepoint",),
    "kernel_contract": ("KernelContract",),
    "kernel_source": ("KernelSource",),
    "profiles": (
        "KIT_VERSION",
        "Profile",
    ),
    "programs": (
        "program_for",
        "replay",
    ),
    "report": (
        "Report",
        "Result",
    ),
    "trial": (
        "Outcome",
        "Verdict",
    ),
    "verifying": ("verify_kernel",),
    "workbench": ("Workbench",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
