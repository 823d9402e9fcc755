"""Kernels that do something wrong to records, keys and the life of steps."""

from __future__ import annotations

import copy
import threading
from typing import Any

from sage_kernel_api.runnable import SOURCE_ENDED
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.values import Capability, StopSignal
from tests.conformance.wrong_kernels.faults import fault, mock_kernel, on_tasks


def _accepting(judge: Any) -> Any:
    """Return a kernel where *judge* says how often a task accepts a record: 0, 1 or 2 times."""

    def spoil(task: Any) -> None:
        accept, seen = task.accept, [0]

        def wrong(data: Any, key: Any, input_index: int, edge: Any) -> None:
            seen[0] += 1
            for _ in range(judge(data, seen[0])):
                accept(data, key, input_index, edge)
            # The ledger lies as well, or the mock would notice by itself.
            edge.produced += judge(data, seen[0]) - 1

        task.accept = wrong

    return on_tasks(spoil)


@fault(Profile.DELIVERY)
def loses_every_fiftieth_record() -> Any:
    return _accepting(lambda data, number: 0 if number % 50 == 0 else 1)


@fault(Profile.DELIVERY)
def loses_the_thousandth_record_only() -> Any:
    return _accepting(lambda data, number: 0 if number == 1_000 else 1)


@fault(Profile.DELIVERY)
def doubles_a_record() -> Any:
    return _accepting(lambda data, number: 2 if number == 17 else 1)


@fault(Profile.DELIVERY)
def drops_none() -> Any:
    return _accepting(lambda data, number: int(data is not None))


@fault(Profile.DELIVERY)
def drops_falsy_records() -> Any:
    return _accepting(lambda data, number: int(bool(data) or data is None))


@fault(Profile.DELIVERY)
def drops_stop_signals_that_are_records() -> Any:
    return _accepting(lambda data, number: int(not isinstance(data, StopSignal)))


@fault(Profile.DELIVERY)
def swaps_two_records() -> Any:
    def spoil(task: Any) -> None:
        _in_batches(task)
        work = task.work

        def wrong() -> None:
            if len(task._inbox) > 1:
                task._inbox.rotate(1)
            work()

        task.work = wrong

    return on_tasks(spoil)


def _in_batches(task: Any) -> None:
    """Let a source give two records before the steps behind it run."""
    poll = task.poll

    def wrong() -> Any:
        answer = poll()
        return poll() if answer.status == "more" else answer

    task.poll = wrong


@fault(Profile.DELIVERY)
def ends_a_source_at_none() -> Any:
    def spoil(task: Any) -> None:
        poll = task.poll

        def wrong() -> Any:
            answer = poll()
            return SOURCE_ENDED if None in list(answer.records) else answer

        task.poll = wrong

    return on_tasks(spoil)


@fault(Profile.DELIVERY)
def ends_an_idle_source() -> Any:
    def spoil(task: Any) -> None:
        poll = task.poll

        def wrong() -> Any:
            answer = poll()
            return SOURCE_ENDED if answer.status == "idle" else answer

        task.poll = wrong

    return on_tasks(spoil)


@fault(Profile.DELIVERY)
def loses_the_second_branch() -> Any:
    def spoil(task: Any) -> None:
        outlets = task.context.transport._outlets
        for output in outlets:
            outlets[output] = outlets[output][:1]

    return on_tasks(spoil)


@fault(Profile.DELIVERY)
def copies_every_record() -> Any:
    def spoil(task: Any) -> None:
        accept = task.accept

        def wrong(data: Any, *more: Any) -> None:
            accept(copy.copy(data) if isinstance(data, list) else data, *more)

        task.accept = wrong

    return on_tasks(spoil)


@fault(Profile.DELIVERY)
def says_that_every_record_came_at_the_first_input() -> Any:
    def spoil(task: Any) -> None:
        accept = task.accept
        task.accept = lambda data, key, input_index, edge: accept(data, key, 0, edge)

    return on_tasks(spoil)


@fault(Profile.DELIVERY)
def says_that_nobody_got_a_record() -> Any:
    def spoil(task: Any) -> None:
        transport = task.context.transport
        send = transport.send
        transport.send = lambda *args, **more: send(*args, **more) and False

    return on_tasks(spoil)


@fault(Profile.DELIVERY)
def leaves_the_key_of_the_last_record() -> Any:
    def spoil(task: Any) -> None:
        work = task.work
        last: list[Any] = [None]

        def wrong() -> None:
            last[0] = task._inbox[0].key
            work()
            task.context.facts.key = last[0]

        task.work = wrong

    return on_tasks(spoil)


def _with_key(change: Any) -> Any:
    def spoil(task: Any) -> None:
        accept = task.accept
        task.accept = lambda data, key, *more: accept(data, change(key), *more)

    return on_tasks(spoil)


@fault(Capability.KEYED_ROUTING)
def takes_falsy_keys_for_none() -> Any:
    return _with_key(lambda key: key or None)


@fault(Capability.KEYED_ROUTING)
def makes_texts_of_keys() -> Any:
    return _with_key(lambda key: key if key is None else str(key))


@fault(Capability.SIDE_OUTPUTS)
def sends_side_outputs_to_the_main_one() -> Any:
    def spoil(task: Any) -> None:
        transport = task.context.transport
        send = transport.send
        transport.send = lambda data, target=None, key=None, how=None: send(data, None, key, how)

    return on_tasks(spoil)


@fault(Capability.SIDE_OUTPUTS)
def loses_side_outputs() -> Any:
    def spoil(task: Any) -> None:
        outlets = task.context.transport._outlets
        for output in [name for name in outlets if name is not None]:
            del outlets[output]

    return on_tasks(spoil)


@fault(Capability.FEEDBACK)
def stops_a_loop_after_a_thousand_rounds() -> Any:
    def spoil(task: Any) -> None:
        accept, rounds = task.accept, [0]
        if task.step["id"] != "again":
            return

        def wrong(data: Any, key: Any, input_index: int, edge: Any) -> None:
            rounds[0] += 1
            if rounds[0] > 1_000:
                edge.produced -= 1
            else:
                accept(data, key, input_index, edge)

        task.accept = wrong

    return on_tasks(spoil)


RELEASE = threading.Event()
"""Lets a hanging job go on."""


def hangs_in_a_job() -> Any:
    """Return a kernel that hangs; no fault of the table, since each would take its whole limit."""
    kernel = mock_kernel()
    submit = kernel.job_manager.submit_job

    def submit_job(pipeline_config: Any) -> Any:
        RELEASE.wait()
        return submit(pipeline_config)

    kernel.job_manager.submit_job = submit_job
    return kernel
