"""Services under random calls, deadlines, answers and ends, against a model of a few lines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sage_kernel_api.errors import ServiceStateError, ServiceTimeoutError
from sage_kernel_default.services.calls import Call
from tests.default_services.conftest import DeskService, Job
from tests.helpers import no_leaks


class Known:
    """What the model knows of one call."""

    def __init__(self, job: Job, call: Call, due_s: float) -> None:
        self.job = job
        self.call = call
        self.due_s = due_s
        self.is_late = False
        self.is_released = False


class ServiceMachine(RuleBasedStateMachine):
    """Calls are taken in order by as many workers as there are, and end once, in time or late."""

    def __init__(self) -> None:
        super().__init__()
        self.leaks = no_leaks()
        self.leaks.__enter__()
        self.service: DeskService | None = None
        self.waiting: list[Known] = []
        self.at_work: list[Known] = []
        self.answered: list[Known] = []
        self.late = 0

    @initialize(workers=st.integers(1, 3))
    def open_desk(self, workers: int) -> None:
        self.workers = workers
        self.service = DeskService(workers)

    @property
    def desk(self) -> DeskService:
        assert self.service is not None
        return self.service

    @rule(timeout_s=st.sampled_from([1.0, 2.0, 5.0]), fails=st.booleans())
    def call(self, timeout_s: float, fails: bool) -> None:
        """Make a call."""
        number = len(self.waiting) + len(self.at_work) + len(self.answered)
        job = Job(number, fails=fails)
        call = self.desk.call(job, timeout_s)
        self.waiting.append(Known(job, call, self.desk.clock.time_s + timeout_s))
        self._begin()

    @precondition(lambda self: self.at_work)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Let one worker end its call."""
        known = data.draw(st.sampled_from(self.at_work))
        self.at_work.remove(known)
        self.answered.append(known)
        self._release(known)
        self._begin()

    @rule(duration_s=st.sampled_from([0.5, 1.0, 3.0]))
    def let_time_pass(self, duration_s: float) -> None:
        """Move the clock: exactly the calls whose time is over end."""
        self.desk.advance(duration_s)
        for known in (*self.waiting, *self.at_work):
            if known.due_s <= self.desk.clock.time_s and not known.is_late:
                assert isinstance(known.call.exception(10), ServiceTimeoutError)
                known.is_late = True
        self.waiting = [known for known in self.waiting if not known.is_late]

    @invariant()
    def only_late_calls_have_ended(self) -> None:
        """No call ends early, none is made by more workers than there are."""
        assert all(not known.call.done() for known in self.waiting)
        assert all(known.call.done() == known.is_late for known in self.at_work)
        assert all(not known.job.begun.is_set() for known in self.waiting)
        if self.service is not None:
            assert self.service.desk.peak <= self.workers

    def teardown(self) -> None:
        """Stop in the middle of it all: what is at work is abandoned, and nobody hangs."""
        if self.service is not None:
            self._stop(self.service)
        self.leaks.__exit__(None, None, None)

    def _stop(self, service: DeskService) -> None:
        problems = service.registry.stop_all(0.01 if self.at_work else 10.0)
        assert [type(problem) for problem in problems] == [ServiceTimeoutError] * bool(self.at_work)
        for known in (*self.waiting, *self.at_work):
            wanted = ServiceTimeoutError if known.is_late else ServiceStateError
            assert isinstance(known.call.exception(0), wanted)
            known.is_late = True
        assert isinstance(service.call(Job(-1)).exception(0), ServiceStateError)
        for known in self.at_work:
            self._release(known)
        assert service.host.join(10)
        assert service.desk.log == ["stop", "cleanup"]
        assert service.host.late_answers == self.late
        assert all(not known.job.begun.is_set() for known in self.waiting)

    def _begin(self) -> None:
        """Expect the free workers to take the oldest calls."""
        while self.waiting and len(self.at_work) < self.workers:
            known = self.waiting.pop(0)
            assert known.job.begun.wait(10)
            self.at_work.append(known)

    def _release(self, known: Known) -> None:
        known.job.gate.set()
        if known.is_late:
            self.late += 1
        elif known.job.fails:
            with pytest.raises(KeyError):
                known.call.result(10)
        else:
            result: Any = known.call.result(10)
            assert result == known.job.number


TestServices = pytest.mark.slow(ServiceMachine.TestCase)
TestServices.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
