"""Kernels whose jobs tell something else than what happened."""

from __future__ import annotations

import threading
from typing import Any

from sage_kernel_api.errors import JobNotFoundError
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.values import Capability, JobState
from tests.conformance.wrong_kernels.faults import default_kernel, fault, mock_kernel, on_tasks


def jobs(kernel: Any, **methods: Any) -> Any:
    """Replace methods of the job manager."""
    for name, method in methods.items():
        setattr(kernel.job_manager, name, method)
    return kernel


@fault(Profile.JOBS)
def gives_every_job_of_a_name_one_id() -> Any:
    kernel = mock_kernel()
    submit = kernel.job_manager.submit_job

    def submit_job(pipeline_config: Any) -> Any:
        kernel.job_manager._submitted = 0
        return submit(pipeline_config)

    return jobs(kernel, submit_job=submit_job)


@fault(Profile.JOBS)
def uses_the_ids_of_deleted_jobs_again() -> Any:
    kernel = mock_kernel()
    delete = kernel.job_manager.delete_job

    def delete_job(job_id: Any) -> bool:
        done: bool = delete(job_id)
        kernel.job_manager._submitted = len(kernel.job_manager._jobs)
        return done

    return jobs(kernel, delete_job=delete_job)


@fault(Profile.JOBS)
def raises_the_failure_of_a_job_at_its_submission() -> Any:
    kernel = mock_kernel()
    submit = kernel.job_manager.submit_job

    def submit_job(pipeline_config: Any) -> Any:
        job_id = submit(pipeline_config)
        if error := kernel.job_manager.get_job_status(job_id).get("exception"):
            raise error
        return job_id

    return jobs(kernel, submit_job=submit_job)


@fault(Profile.JOBS)
def answers_for_jobs_that_there_are_not() -> Any:
    kernel = mock_kernel()
    cancel = kernel.job_manager.cancel_job

    def cancel_job(job_id: Any) -> bool:
        try:
            return bool(cancel(job_id))
        except JobNotFoundError:
            return False

    return jobs(kernel, cancel_job=cancel_job)


@fault(Profile.JOBS)
def says_that_it_cancelled_an_ended_job() -> Any:
    kernel = mock_kernel()
    cancel = kernel.job_manager.cancel_job
    return jobs(kernel, cancel_job=lambda job_id: cancel(job_id) or True)


@fault(Profile.JOBS)
def lists_the_latest_job_first() -> Any:
    kernel = mock_kernel()
    listed = kernel.job_manager.list_jobs
    return jobs(kernel, list_jobs=lambda: listed()[::-1])


@fault(Profile.JOBS)
def keeps_deleted_jobs() -> Any:
    kernel = mock_kernel()

    def delete_job(job_id: Any) -> bool:
        return bool(kernel.job_manager.get_job_status(job_id))

    return jobs(kernel, delete_job=delete_job)


@fault(Profile.JOBS)
def hands_out_its_own_status() -> Any:
    kernel = mock_kernel()
    look = kernel.job_manager.get_job_status
    kept: dict[Any, Any] = {}
    return jobs(kernel, get_job_status=lambda job_id: kept.setdefault(job_id, look(job_id)))


@fault(Profile.JOBS)
def counts_one_record_too_many() -> Any:
    def spoil(task: Any) -> None:
        finish = task.finish

        def wrong() -> None:
            task._tally.records_in += 1
            finish()

        task.finish = wrong

    return on_tasks(spoil)


@fault(Profile.FAILURES)
def reports_a_failed_job_as_finished() -> Any:
    kernel = mock_kernel()
    wait = kernel.job_manager.wait_job

    def wait_job(job_id: Any, timeout_s: float | None = None) -> Any:
        return {**wait(job_id, timeout_s), "state": JobState.FINISHED}

    return jobs(kernel, wait_job=wait_job)


@fault(Capability.BACKGROUND_JOBS)
def reports_finished_too_early() -> Any:
    kernel = default_kernel()
    look = kernel.job_manager.get_job_status
    early = {JobState.RUNNING: JobState.FINISHED}

    def wait_job(job_id: Any, timeout_s: float | None = None) -> Any:
        status = look(job_id)
        return {**status, "state": early.get(status["state"], status["state"])}

    return jobs(kernel, wait_job=wait_job)


@fault(Capability.BACKGROUND_JOBS)
def says_cancelled_and_lets_the_job_run() -> Any:
    kernel = default_kernel()
    return jobs(kernel, cancel_job=lambda job_id: bool(kernel.job_manager.get_job_status(job_id)))


@fault(Capability.BACKGROUND_JOBS)
def deletes_a_running_job() -> Any:
    kernel = default_kernel()
    delete, cancel = kernel.job_manager.delete_job, kernel.job_manager.cancel_job

    def delete_job(job_id: Any) -> Any:
        cancel(job_id)
        return delete(job_id)

    return jobs(kernel, delete_job=delete_job)


@fault(Capability.PAUSE)
def says_paused_and_goes_on() -> Any:
    kernel = default_kernel()
    job = kernel.job_manager.job
    paused: set[Any] = set()

    def pause_job(job_id: Any) -> bool:
        job(job_id)
        is_new = job_id not in paused
        paused.add(job_id)
        return is_new

    return jobs(kernel, pause_job=pause_job)


@fault(Capability.PAUSE)
def resumes_what_was_not_paused() -> Any:
    kernel = default_kernel()
    resume = kernel.job_manager.resume_job
    return jobs(kernel, resume_job=lambda job_id: resume(job_id) or True)


@fault(Capability.TASKS)
def lists_downstream_tasks_first() -> Any:
    kernel = default_kernel()
    listed = kernel.task_manager.list_tasks
    kernel.task_manager.list_tasks = lambda job_id: [
        {**task, "steps": task["steps"][::-1]} for task in listed(job_id)
    ][::-1]
    return kernel


@fault(Profile.JOBS)
def takes_jobs_from_one_thread_only() -> Any:
    kernel = mock_kernel()
    submit, owner = kernel.job_manager.submit_job, [0]

    def submit_job(pipeline_config: Any) -> Any:
        owner[0] = owner[0] or threading.get_ident()
        if threading.current_thread().name == "kit-beside":
            raise RuntimeError("only the thread that made it")
        return submit(pipeline_config)

    return jobs(kernel, submit_job=submit_job)
