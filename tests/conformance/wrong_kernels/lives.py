"""Kernels that open, close and finish steps wrongly."""

from __future__ import annotations

from typing import Any

from sage_kernel_api.testing.profiles import Profile
from tests.conformance.wrong_kernels.faults import fault, on_tasks


@fault(Profile.DELIVERY)
def skips_close() -> Any:
    return on_tasks(lambda task: setattr(task, "close", lambda: None))


@fault(Profile.DELIVERY)
def closes_twice() -> Any:
    def spoil(task: Any) -> None:
        close = task.close
        task.close = lambda: (task._runnable.close(), close())

    return on_tasks(spoil)


@fault(Profile.DELIVERY)
def never_finishes_a_step() -> Any:
    return on_tasks(lambda task: setattr(task, "finish", lambda: None))


@fault(Profile.DELIVERY)
def opens_a_step_at_its_first_record() -> Any:
    def spoil(task: Any) -> None:
        if task.context.is_source():
            return
        open_, work, finish = task.open, task.work, task.finish
        is_open: list[int] = []

        def late(then: Any) -> Any:
            def call() -> None:
                if not is_open:
                    is_open.append(1)
                    open_()
                then()

            return call

        task.open, task.work, task.finish = lambda: None, late(work), late(finish)

    return on_tasks(spoil)
