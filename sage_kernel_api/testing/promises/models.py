"""Random sequences of calls, compared with the simplest model that could be right.

Layer: testing. The machines need hypothesis, which is imported only where they run.
"""

from __future__ import annotations

from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


@promise(Profile.JOBS, uses_hypothesis=True)
def jobs_behave_as_their_model(bench: Workbench) -> None:
    """Any sequence of submitting, waiting, cancelling, listing and deleting fits a dictionary."""
    from sage_kernel_api.testing.machines import run_job_machine

    run_job_machine(bench)


@promise(Capability.STATE, uses_hypothesis=True)
def state_behaves_as_its_model(bench: Workbench) -> None:
    """Any sequence of saving, loading, clearing, checkpoints and restores fits a dictionary."""
    from sage_kernel_api.testing.machines import run_state_machine

    run_state_machine(bench)


@promise(Capability.SERVICES, uses_hypothesis=True)
def services_behave_as_their_model(bench: Workbench) -> None:
    """Any sequence of registering, starting, calling and stopping fits a set of running names."""
    from sage_kernel_api.testing.service_machines import run_service_machine

    run_service_machine(bench)


@promise(Capability.QUEUES, uses_hypothesis=True)
def queues_behave_as_their_model(bench: Workbench) -> None:
    """Any sequence of calls of queues fits bounded lists."""
    from sage_kernel_api.testing.service_machines import run_queue_machine

    run_queue_machine(bench)


@promise(Profile.DELIVERY, uses_hypothesis=True)
def pipelines_behave_as_plain_loops(bench: Workbench) -> None:
    """Any chain of maps, filters and flatmaps gives what a loop over lists gives."""
    from sage_kernel_api.testing.random_pipelines import check_random_chains

    check_random_chains(bench)


@promise(Capability.KEYED_ROUTING, uses_hypothesis=True)
def keyed_folds_behave_as_a_dictionary(bench: Workbench) -> None:
    """For any keys and numbers, a keyed reduce gives the running totals of a dictionary."""
    from sage_kernel_api.testing.random_pipelines import check_random_folds

    check_random_folds(bench)
