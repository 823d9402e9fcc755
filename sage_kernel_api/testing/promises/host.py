"""A kernel is a guest in its process: it leaves alone what belongs to the host.

Layer: testing. The kit looks at the host around every test; these are about the main thread.
"""

from __future__ import annotations

import signal
import threading

from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.host import Host
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench


@promise(Profile.CORE, is_on_main_thread=True)
def a_job_from_the_main_thread_leaves_signal_handlers_alone(bench: Workbench) -> None:
    """No handler is installed where it could be, which is on the main thread."""
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}

    env = bench.environment()
    env.from_collection([1, 2]).map(str).sink(lambda record: None)
    during: list[object] = []
    job_id = env.submit()
    during.extend(signal.getsignal(number) for number in before)
    bench.wait(job_id)

    expect(during == list(before.values()), "signal handlers differ while a job runs")


@promise(Profile.CORE, is_on_main_thread=True)
def a_job_leaves_the_host_as_it_was(bench: Workbench) -> None:
    """Path, environment, working directory, hooks and root logger stay, also while a job lives."""
    before = Host.look()

    env = bench.environment()
    seen: list[list[str]] = []
    env.from_collection([1]).sink(lambda record: seen.append(_changed_facts(before)))
    bench.finish(env)

    expect_equal(seen, [[]], "what is changed while a job runs")


@promise(Profile.CORE, is_on_main_thread=True)
def a_context_starts_no_thread(bench: Workbench) -> None:
    """Threads may start with the first job or service; a context for a unit test is neither."""
    names = [thread.name for thread in threading.enumerate()]
    bench.kernel.create_execution_context({})
    bench.kernel.create_runtime_context({})

    expect_equal(
        [thread.name for thread in threading.enumerate()], names, "threads after making a context"
    )


def _changed_facts(before: Host) -> list[str]:
    now = Host.look().facts
    return [name for name, value in before.facts.items() if now[name] != value]
