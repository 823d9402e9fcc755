"""Kernels with wrong checkpoints, savepoints, transactions, event time and timers."""

from __future__ import annotations

from typing import Any

from sage_kernel_api.values import Capability, CheckpointId
from tests.conformance.wrong_kernels.faults import default_kernel, fault, mock_kernel


def on_operators(kernel: Any, spoil: Any) -> Any:
    """Have *spoil* done to each operator that the kernel makes."""
    submit = kernel.job_manager.submit_job

    def spoilt(operator: Any) -> Any:
        def make(context: Any) -> Any:
            runnable = operator(context)
            spoil(runnable)
            return runnable

        return make

    def submit_job(pipeline_config: Any) -> Any:
        steps = [
            {**step, "operator": spoilt(step["operator"])}
            for step in pipeline_config["transformations"]
        ]
        return submit({**pipeline_config, "transformations": steps})

    kernel.job_manager.submit_job = submit_job
    return kernel


def with_manager(**methods: Any) -> Any:
    kernel = default_kernel()
    for name, make in methods.items():
        setattr(kernel.checkpoint_manager, name, make(getattr(kernel.checkpoint_manager, name)))
    return kernel


@fault(Capability.CHECKPOINTS)
def says_that_it_took_a_checkpoint() -> Any:
    def make(trigger: Any) -> Any:
        def trigger_checkpoint(job_id: Any, *, timeout_s: float | None = None) -> Any:
            return CheckpointId("taken")

        return trigger_checkpoint

    return with_manager(trigger_checkpoint=make)


@fault(Capability.CHECKPOINTS)
def lists_no_checkpoint() -> Any:
    return with_manager(list_checkpoints=lambda listed: lambda job_id: listed(job_id) and [])


@fault(Capability.CHECKPOINTS)
def knows_checkpoints_that_there_are_not() -> Any:
    def make(delete: Any) -> Any:
        return lambda checkpoint_id: bool(delete(checkpoint_id)) or True

    return with_manager(delete_checkpoint=make)


@fault(Capability.CHECKPOINTS)
def begins_its_sources_anew_after_a_restart() -> Any:
    def spoil(runnable: Any) -> None:
        if runnable.kind == "source" and hasattr(runnable, "restore_state"):
            runnable.restore_state = lambda states: None

    return on_operators(default_kernel(), spoil)


@fault(Capability.SAVEPOINTS)
def overwrites_a_file_by_a_savepoint() -> Any:
    def make(create: Any) -> Any:
        def create_savepoint(job_id: Any, path: Any, *, is_last: bool = False) -> Any:
            path.unlink(missing_ok=True)
            return create(job_id, path, is_last=is_last)

        return create_savepoint

    return with_manager(create_savepoint=make)


@fault(Capability.SAVEPOINTS)
def leaves_an_empty_file_of_a_failed_savepoint() -> Any:
    def make(create: Any) -> Any:
        def create_savepoint(job_id: Any, path: Any, *, is_last: bool = False) -> Any:
            try:
                return create(job_id, path, is_last=is_last)
            except Exception:
                path.touch()
                raise

        return create_savepoint

    return with_manager(create_savepoint=make)


@fault(Capability.EXACTLY_ONCE_SINKS)
def commits_before_the_checkpoint_is_durable() -> Any:
    def spoil(runnable: Any) -> None:
        function = runnable.function
        if not hasattr(function, "pre_commit"):
            return
        process = runnable.call
        written = [0]

        def execute(data: Any) -> None:
            process(data)
            written[0] += 1
            function.commit(function.pre_commit(-written[0]))
            function.begin()

        runnable.call = execute

    return on_operators(default_kernel(), spoil)


@fault(Capability.EXACTLY_ONCE_SINKS)
def repeats_output_after_a_restart() -> Any:
    def spoil(runnable: Any) -> None:
        if runnable.kind == "source" and hasattr(runnable, "restore_state"):
            runnable.restore_state = lambda states: None

    return on_operators(default_kernel(), spoil)


@fault(Capability.EVENT_TIME)
def forgets_event_times() -> Any:
    def spoil(runnable: Any) -> None:
        if hasattr(runnable, "on_watermark"):
            runnable.on_watermark = lambda watermark_us: None

    return on_operators(mock_kernel(), spoil)


@fault(Capability.EVENT_TIME)
def lets_time_be_over_at_the_first_record() -> Any:
    def spoil(runnable: Any) -> None:
        on_watermark = getattr(runnable, "on_watermark", None)
        if on_watermark is not None:
            runnable.on_watermark = lambda watermark_us: on_watermark(2**62)

    return on_operators(mock_kernel(), spoil)


@fault(Capability.TIMERS)
def never_looks_at_the_clock() -> Any:
    def spoil(runnable: Any) -> None:
        if hasattr(runnable, "on_processing_time"):
            runnable.on_processing_time = lambda now_us: None

    return on_operators(mock_kernel(), spoil)


@fault(Capability.TIMERS)
def fires_no_timer_of_event_time() -> Any:
    return forgets_event_times()
