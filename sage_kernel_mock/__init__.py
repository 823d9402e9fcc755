"""The kernel `mock`: pipelines and functions tested inline, without threads and without sleeping.

Everything happens on the caller's thread, in one order, at the times of a clock that only tests
move. Names are resolved on first use, so that a test framework may import this package early.

To read it as a kernel author: `facade` (the face), `jobs` (submit), `wiring` (config to tasks),
`run` (the loop), `task` (one instance of one step), `transport` (routing).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sage_kernel_mock.clock import ManualClock
    from sage_kernel_mock.contexts import (
        MockExecutionContext,
        MockRuntimeContext,
        MockServiceContext,
    )
    from sage_kernel_mock.facade import LenientMockKernelFacade, MockKernelFacade
    from sage_kernel_mock.facts import MockFacts
    from sage_kernel_mock.faults import Faults, InjectedFaultError
    from sage_kernel_mock.happenings import (
        Broadcast,
        CheckpointRestored,
        CheckpointTaken,
        DeadLettered,
        FaultStruck,
        Processed,
        Sent,
        ServiceCalled,
        Skipped,
        StateCleared,
        StateLoaded,
        StateSaved,
    )
    from sage_kernel_mock.harness.maker import HarnessMaker
    from sage_kernel_mock.harness.step_harness import StepHarness
    from sage_kernel_mock.journal import Journal, JournalEntry
    from sage_kernel_mock.options import MockOptions
    from sage_kernel_mock.scripts import Placeholder, ServiceScripts
    from sage_kernel_mock.snapshot import StepSnapshot
    from sage_kernel_mock.state import MockStateManager
    from sage_kernel_mock.transport import SentRecord

__all__ = [
    "Broadcast",
    "CheckpointRestored",
    "CheckpointTaken",
    "DeadLettered",
    "FaultStruck",
    "Faults",
    "HarnessMaker",
    "InjectedFaultError",
    "Journal",
    "JournalEntry",
    "LenientMockKernelFacade",
    "ManualClock",
    "MockExecutionContext",
    "MockFacts",
    "MockKernelFacade",
    "MockOptions",
    "MockRuntimeContext",
    "MockServiceContext",
    "MockStateManager",
    "Placeholder",
    "Processed",
    "Sent",
    "SentRecord",
    "ServiceCalled",
    "ServiceScripts",
    "Skipped",
    "StateCleared",
    "StateLoaded",
    "StateSaved",
    "StepHarness",
    "StepSnapshot",
]

_HOMES: Final = {
    "Broadcast": "happenings",
    "CheckpointRestored": "happenings",
    "CheckpointTaken": "happenings",
    "DeadLettered": "happenings",
    "FaultStruck": "happenings",
    "Faults": "faults",
    "HarnessMaker": "harness.maker",
    "InjectedFaultError": "faults",
    "Journal": "journal",
    "JournalEntry": "journal",
    "LenientMockKernelFacade": "facade",
    "ManualClock": "clock",
    "MockExecutionContext": "contexts",
    "MockFacts": "facts",
    "MockKernelFacade": "facade",
    "MockOptions": "options",
    "MockRuntimeContext": "contexts",
    "MockServiceContext": "contexts",
    "MockStateManager": "state",
    "Placeholder": "scripts",
    "Processed": "happenings",
    "Sent": "happenings",
    "SentRecord": "transport",
    "ServiceCalled": "happenings",
    "ServiceScripts": "scripts",
    "Skipped": "happenings",
    "StateCleared": "happenings",
    "StateLoaded": "happenings",
    "StateSaved": "happenings",
    "StepHarness": "harness.step_harness",
    "StepSnapshot": "snapshot",
}


if not TYPE_CHECKING:
    # Hidden from type checkers, to whom a misspelt import would otherwise be an `Any`.
    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
