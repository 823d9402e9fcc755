"""Kernels that lose or repeat something when a job fails, stops or goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sage_kernel_api.lifecycle import CheckpointConfig
from sage_kernel_api.storage.savepoints import SavepointHeader, open_savepoint, write_savepoint_file
from sage_kernel_api.values import Capability
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from sage_kernel_default.checkpoint import CheckpointStore
from sage_kernel_default.jobs.stores import store_in_files
from tests.conformance.wrong_kernels.faults import default_kernel, fault
from tests.conformance.wrong_kernels.recovery import on_operators, with_manager

_EVERYTHING = range(1024)


def beginning_with(change: Callable[[Any], Any]) -> Any:
    """Return a kernel that has *change* done to every snapshot that it goes on from."""

    def make_store(config: CheckpointConfig) -> CheckpointStore:
        store: Any = store_in_files(config)
        load = store.load

        def wrong_load(epoch: int | None = None) -> Any:
            job = load(epoch)
            steps = {step: [change(one) for one in parts] for step, parts in job.steps.items()}
            return replace(job, steps=steps)

        store.load = wrong_load
        made: CheckpointStore = store
        return made

    return DefaultKernelFacade(
        DefaultOptions(frame_size=16, channel_capacity=32), make_store=make_store
    )


def _submitting(change: Callable[[dict[str, Any]], object]) -> Any:
    """Return a kernel that has *change* done to each pipeline before it runs."""
    kernel = default_kernel()
    submit = kernel.job_manager.submit_job

    def submit_job(pipeline_config: Any) -> Any:
        config = dict(pipeline_config)
        change(config)
        return submit(config)

    kernel.job_manager.submit_job = submit_job
    return kernel


# --- checkpoints -----------------------------------------------------------------------------


@fault(Capability.CHECKPOINTS, "a_new_kernel_goes_on_where_the_old_one_was")
def restarts_from_zero() -> Any:
    return beginning_with(lambda one: replace(one, operator={}, keyed=()))


@fault(Capability.CHECKPOINTS, "state_by_key_comes_back")
def forgets_one_table_of_two() -> Any:
    def change(one: Any) -> Any:
        tables = sorted({changes.table for changes in one.keyed})
        left = [each for each in one.keyed if len(tables) < 2 or each.table != tables[-1]]
        return replace(one, keyed=left)

    return beginning_with(change)


@fault(Capability.CHECKPOINTS, "the_latest_checkpoint_counts")
def forgets_what_changed_after_the_first_checkpoint() -> Any:
    return beginning_with(lambda one: replace(one, keyed=one.keyed[:1]))


@fault(Capability.CHECKPOINTS, "keys_spread_anew_over_other_instances")
def keeps_keys_at_one_old_instance_only() -> Any:
    return beginning_with(lambda one: replace(one, keyed=one.keyed if one.index == 0 else ()))


@fault(Capability.CHECKPOINTS, "a_job_runs_as_often_as_its_strategy_says")
def restarts_once_more_than_it_may() -> Any:
    def change(config: dict[str, Any]) -> None:
        restart = config.get("restart", {})
        if "attempts" in restart:
            config["restart"] = {**restart, "attempts": restart["attempts"] + 1}

    return _submitting(change)


@fault(Capability.CHECKPOINTS, "checkpoints_are_taken_by_the_clock")
def takes_no_checkpoint_by_itself() -> Any:
    def change(config: dict[str, Any]) -> None:
        checkpointing = config.get("checkpointing", {})
        if checkpointing.get("interval_s", 0) > 0:
            config["checkpointing"] = {**checkpointing, "interval_s": 3_600.0}

    return _submitting(change)


@fault(Capability.CHECKPOINTS, "as_many_are_kept_as_was_said")
def keeps_one_checkpoint_whatever_was_said() -> Any:
    def change(config: dict[str, Any]) -> None:
        checkpointing = config.get("checkpointing", {})
        if checkpointing.get("retain", 1) > 1:
            config["checkpointing"] = {**checkpointing, "retain": 1}

    return _submitting(change)


# --- savepoints ------------------------------------------------------------------------------


@fault(Capability.SAVEPOINTS, "the_file_has_the_published_format")
def leaves_a_key_group_out_of_savepoints() -> Any:
    def make(create: Any) -> Any:
        def create_savepoint(job_id: Any, path: Any, *, is_last: bool = False) -> Any:
            made = create(job_id, path, is_last=is_last)
            _leave_out_a_group(Path(path))
            return made

        return create_savepoint

    return with_manager(create_savepoint=make)


def _leave_out_a_group(path: Path) -> None:
    savepoint = open_savepoint(path)
    states: list[Any] = [one for step in savepoint.steps for one in savepoint.steps[step].instances]
    rows = [one for step in savepoint.steps for one in savepoint.rows(step, _EVERYTHING)]
    header: SavepointHeader = savepoint.header
    path.unlink()
    write_savepoint_file(path, header, [*states, *rows[1:]])


@fault(Capability.SAVEPOINTS, "checkpoints_of_its_own_come_first")
def goes_back_to_the_savepoint_each_time() -> Any:
    def change(config: dict[str, Any]) -> None:
        if "restore_from" in config:
            shutil.rmtree(config["checkpointing"]["directory"], ignore_errors=True)

    return _submitting(change)


@fault(Capability.SAVEPOINTS, "state_without_a_step_is_lost_only_by_name")
def drops_state_without_a_word() -> Any:
    def change(config: dict[str, Any]) -> None:
        if Path(config.get("restore_from", "")).is_file():
            config["allow_dropped_state"] = ["counts"]

    return _submitting(change)


@fault(Capability.SAVEPOINTS, "after_the_last_savepoint_no_checkpoint_is_taken")
def takes_checkpoints_after_the_last_savepoint() -> Any:
    def make(create: Any) -> Any:
        return lambda job_id, path, *, is_last=False: create(job_id, path)

    return with_manager(create_savepoint=make)


# --- transactions ----------------------------------------------------------------------------


@fault(Capability.EXACTLY_ONCE_SINKS, "nothing_is_committed_before_all_steps_have_voted")
def commits_before_all_steps_have_voted() -> Any:
    def spoil(runnable: Any) -> None:
        if not hasattr(runnable, "pre_commit"):
            return
        pre_commit, commit = runnable.pre_commit, runnable.commit

        def wrong(epoch: int) -> Any:
            handle = pre_commit(epoch)
            commit(handle)
            return handle

        runnable.pre_commit = wrong

    return on_operators(default_kernel(), spoil)


@fault(Capability.EXACTLY_ONCE_SINKS, "a_commit_that_fails_is_made_up_for")
def forgets_what_was_decided_at_a_crash() -> Any:
    def spoil(runnable: Any) -> None:
        if hasattr(runnable, "pre_commit"):
            recover = runnable.recover
            runnable.recover = lambda handles: recover([])

    return on_operators(default_kernel(), spoil)


@fault(Capability.EXACTLY_ONCE_SINKS, "a_job_that_fails_for_good_shows_what_its_checkpoints_hold")
def commits_when_a_job_fails() -> Any:
    def spoil(runnable: Any) -> None:
        if not hasattr(runnable, "pre_commit"):
            return
        close = runnable.close

        def wrong() -> None:
            runnable.commit(runnable.pre_commit(999))
            close()

        runnable.close = wrong

    return on_operators(default_kernel(), spoil)
