"""The life of a step under test: what is around it, its beginning and its end.

What a harness does with the step, and what it shows, builds on this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from sage_kernel_api.core.policies import ErrorPolicy, NoneResult
from sage_kernel_api.errors import JobStateError
from sage_kernel_api.values import Payload
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.contexts import MockExecutionContext
from sage_kernel_mock.facade import MockKernelFacade
from sage_kernel_mock.faults import Faults
from sage_kernel_mock.harness.bench import Bench
from sage_kernel_mock.harness.description import Build, Surroundings, describe_step
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.scripts import ServiceScripts
from sage_kernel_mock.snapshot import StepSnapshot, restore_step

__all__ = ["StepLife"]

I = TypeVar("I")  # noqa: E741 - the field's letter for an input
O = TypeVar("O")  # noqa: E741 - the field's letter for an output


class StepLife(Generic[I, O]):
    """One step, from its description to its end."""

    def _prepare(self, build: Build) -> None:
        self._build = build
        self._surroundings = Surroundings()
        self._own_kernel: MockKernelFacade | None = None
        self._kernel: MockKernelFacade | None = None
        self._snapshots: tuple[StepSnapshot, ...] = ()
        # Of transactions to begin with; None if the step decides about them by itself.
        self._handles: tuple[Payload, ...] | None = None
        self._epoch = 0
        self._bench: Bench | None = None
        self._is_open = False
        self._is_closed = False

    def configure(
        self,
        *,
        name: str | None = None,
        env_name: str | None = None,
        config: Mapping[str, Payload] | None = None,
        parallelism: int | None = None,
        parallel_index: int | None = None,
        on_error: ErrorPolicy | None = None,
        none_result: NoneResult | None = None,
        kernel: MockKernelFacade | None = None,
    ) -> Self:
        """Set what is around the function; what is None stays as it is. Returns itself.

        Args:
            name: Name of the step.
            env_name: What ``ctx.env_name`` answers.
            config: What ``ctx.get_config`` reads.
            parallelism: Number of instances that the function believes in.
            parallel_index: Which of them it is, from 0.
            on_error: Policy of the step.
            none_result: What a None result means.
            kernel: Where it runs, so that several steps share services and clock; it is not shut
                down by `close`.

        Raises:
            JobStateError: The step is open already.
        """
        self._check_unopened("configure()")
        said: dict[str, Any] = {
            "name": name,
            "env_name": env_name,
            "config": config,
            "parallelism": parallelism,
            "parallel_index": parallel_index,
            "on_error": on_error,
            "none_result": none_result,
        }
        known = {key: value for key, value in said.items() if value is not None}
        self._surroundings = replace(self._surroundings, **known)
        self._kernel = kernel or self._kernel
        return self

    def restore(self, *snapshots: StepSnapshot) -> Self:
        """Let the function begin with the state of a snapshot, set before ``open``. Returns itself.

        Args:
            snapshots: One; or those of all old instances, to see what becomes of a step at another
                parallelism: it takes the keys that are its own.

        Raises:
            JobStateError: The step is open already: only a new instance is restored.
        """
        self._check_unopened("restore()")
        self._snapshots = snapshots
        return self

    def coordinate(self) -> Self:
        """Let the test decide when a sink commits, as a kernel with checkpoints does.

        Without it, such a sink commits when its input ends; with it, by `pre_commit` and `commit`
        only. What is not pre-committed when it is closed is aborted. Returns itself.

        Raises:
            JobStateError: The step is open already.
        """
        return self.recover()

    def recover(self, *handles: Payload) -> Self:
        """Let a sink begin as after a crash. Returns itself.

        Args:
            handles: Of transactions that the last checkpoint has decided: they are committed,
                whatever became of them, and all else is thrown away. None are those of a new
                beginning; see `coordinate`.

        Raises:
            JobStateError: The step is open already.
        """
        self._check_unopened("recover()")
        self._handles = handles
        return self

    def open(self) -> Self:
        """Make and open the function; the first record does it by itself. Returns itself.

        Raises:
            PipelineError: The step is not valid; all problems are listed.
            JobStateError: It was closed.
            Exception: What the function's constructor or ``open`` raised.
        """
        self._opened()
        return self

    def close(self) -> None:
        """Close the function, if it was opened, and the kernel, if it is the harness's own.

        Idempotent. What came out stays readable.

        Raises:
            Exception: What the function's ``close`` raised; everything is closed all the same.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if self._bench is not None and self._is_open:
                self._bench.close()
        finally:
            if self._own_kernel is not None:
                self._own_kernel.shutdown()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # --- what is inside and around -------------------------------------------------------------

    @property
    def function(self) -> Any:
        """The function under test: the instance of the class, or the callable."""
        return getattr(self._seen().runnable, "function", None)

    @property
    def context(self) -> MockExecutionContext:
        """The surroundings of the function; its ``facts`` may be set at any time."""
        return self._seen().context

    @property
    def kernel(self) -> MockKernelFacade:
        """The kernel that the step runs on."""
        if self._kernel is None:
            self._kernel = self._own_kernel = MockKernelFacade()
        return self._kernel

    @property
    def services(self) -> ServiceScripts:
        """Scripts of what services answer."""
        return self.kernel.services

    @property
    def faults(self) -> Faults:
        """Plans of what goes wrong."""
        return self.kernel.faults

    @property
    def journal(self) -> Journal:
        """All that happened, in order."""
        return self.kernel.journal

    @property
    def clock(self) -> ManualClock:
        """The time; moved by `advance_processing_time`."""
        return self.kernel.clock

    def keyed_state(self, name: str) -> dict[Payload, Payload]:
        """Return what a declared state keeps, by key: ``step.keyed_state("seen")["a"]``."""
        return self._seen().context.keyed_state.table(name)

    def _opened(self) -> Bench:
        if self._is_closed:
            raise JobStateError("This StepHarness was closed; make a new one.")
        if self._is_open and self._bench is not None:
            return self._bench
        step = describe_step(self._build, self._surroundings, self.kernel)
        bench = Bench(step, self._surroundings, self.kernel)
        restore_step(self._snapshots, bench.runnable, bench.context)
        if self._handles is not None:
            bench.coordinate(self._handles)
        self._bench, self._is_open = bench, True
        bench.open()
        for snapshot in self._snapshots:
            for record, key in snapshot.pending:
                bench.push(record, key, 0)
        return bench

    def _seen(self) -> Bench:
        # What came out, and what is inside, stays readable after the end.
        return self._opened() if self._bench is None else self._bench

    def _check_unopened(self, what: str) -> None:
        if self._is_open or self._is_closed:
            raise JobStateError(f"{what} comes before the first record; make a new StepHarness.")
