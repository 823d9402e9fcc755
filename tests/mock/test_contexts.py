"""Functions tested without any job."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sage_kernel_api import BaseFunction, MapFunction
from sage_kernel_api.errors import ConfigurationError, KernelClosedError, PipelineError, StateError
from sage_kernel_api.plugins import resolve_kernel
from sage_kernel_api.values import NONE_KEY, ConnectionInfo
from sage_kernel_mock import ManualClock, MockKernelFacade, MockOptions, SentRecord


class MyFunction(MapFunction[int, int]):
    def execute(self, data: int) -> int:
        return data


def test_a_function_reads_the_facts_that_a_test_sets(kernel: MockKernelFacade) -> None:
    """Whoever tests a function must reach each of its branches."""
    context = kernel.create_execution_context(
        {"name": "count", "parallelism": 4, "parallel_index": 1, "config": {"limit": 3}}
    )
    function: BaseFunction = MyFunction()
    function.set_context(context)

    context.facts.key = "a"
    context.facts.should_stop = True

    assert (context.get_key(), context.should_stop()) == ("a", True)
    assert (context.parallel_index, context.get_parallelism()) == (1, 4)
    assert context.get_config("limit") == 3
    assert function.name == "count"


def test_what_a_lone_context_sends_is_kept_and_reported_as_unsent(kernel: MockKernelFacade) -> None:
    """A sender must not believe in a receiver that does not exist."""
    context = kernel.create_execution_context({"key": "a"})

    was_sent = [
        context.send_data(1),
        context.send_data(2, "late"),
        context.send_data(3, partition_key=NONE_KEY),
        context.transport.broadcast(4),
    ]

    assert was_sent == [False] * 4
    assert context.sent == [
        SentRecord(1, None, "a"),
        SentRecord(2, "late", "a"),
        SentRecord(3, None, None),
        SentRecord(4, None, "a"),
    ]
    with pytest.raises(PipelineError, match="nothing is called 'q'"):
        context.transport.set_downstream_connections([ConnectionInfo(("q",))])


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"nmae": "x"}, "'nmae' is unknown"),
        ({"name": 3}, "name is a str, not int"),
        ({"parallelism": True}, "parallelism is a int, not bool"),
        ({"parallel_index": 2, "parallelism": 2}, "not in range"),
    ],
)
def test_a_context_from_wrong_facts_is_refused(
    kernel: MockKernelFacade, config: dict[str, object], problem: str
) -> None:
    """A misspelt fact would let a test pass that tests nothing."""
    with pytest.raises(ConfigurationError, match=problem):
        kernel.create_execution_context(config)  # type: ignore[arg-type]  # the point of the test


def test_state_is_a_copy_both_ways(kernel: MockKernelFacade) -> None:
    """On a real kernel state crosses a disk: a test must see forgotten saves."""
    state = kernel.create_runtime_context({}).state_manager
    value = [1]
    state.save_state("v", value)
    value.append(2)

    state.load_state("v").append(3)

    assert state.load_state("v") == [1]
    assert state.load_state("other", "default") == "default"


def test_a_value_that_cannot_be_copied_leaves_the_old_one(kernel: MockKernelFacade) -> None:
    """Half a save would be worse than none."""
    state = kernel.create_runtime_context({}).state_manager
    state.save_state("v", 1)

    with pytest.raises(StateError, match="generator"):
        state.save_state("v", (x for x in range(3)))

    assert state.load_state("v") == 1


def test_a_checkpoint_brings_back_what_was_there(kernel: MockKernelFacade) -> None:
    """Authors test restore without a job."""
    state = kernel.create_runtime_context({}).state_manager
    state.save_state("a", 1)
    assert state.create_checkpoint("c1") is True
    state.save_state("a", 2)
    state.save_state("b", 3)

    assert state.create_checkpoint("c1") is False
    assert state.restore_checkpoint("none") is False
    assert state.restore_checkpoint("c1") is True

    assert (state.load_state("a"), state.load_state("b")) == (1, None)
    assert (state.clear_state("a"), state.clear_state("a")) == (True, False)


def test_the_journal_holds_every_call_in_order(kernel: MockKernelFacade) -> None:
    """The journal is what assertions look at: it must not miss or reorder."""
    context = kernel.create_execution_context({"name": "f"})
    kernel.services.answer("cache.get", 1)

    context.state_manager.save_state("v", 1)
    kernel.clock.advance(2)
    context.call_service("cache", "get", "k", default=0)
    context.send_data("x")

    assert [(e.at_s, e.actor, e.action, e.details) for e in kernel.journal] == [
        (0, "f", "save_state", ("v", 1)),
        (2, "cache.get", "call_service", (("k",), {"default": 0})),
        (2, "f", "send", ("x", None, None)),
    ]
    assert kernel.journal.actions("f") == ["save_state", "send"]
    kernel.journal.clear()
    assert (len(kernel.journal), kernel.journal.total) == (0, 3)


def test_a_full_journal_forgets_its_oldest_entries() -> None:
    """A long run must not eat the memory."""
    kernel = MockKernelFacade(MockOptions(journal_size=2))
    context = kernel.create_execution_context({})

    for number in range(5):
        context.send_data(number)

    assert [entry.number for entry in kernel.journal] == [3, 4]


def test_the_clock_goes_forward_only() -> None:
    """Deadlines that move backwards would hide lateness."""
    clock = ManualClock(5)

    with pytest.raises(ConfigurationError):
        clock.advance(-1)
    with pytest.raises(ConfigurationError):
        clock.advance(float("nan"))

    assert clock.now_s == 5


def test_after_shutdown_nothing_is_made(kernel: MockKernelFacade) -> None:
    """A forgotten kernel must not look alive."""
    kernel.shutdown()
    kernel.shutdown()

    with pytest.raises(KernelClosedError):
        kernel.create_runtime_context({})
    with pytest.raises(KernelClosedError):
        kernel.create_execution_context({})
    with pytest.raises(KernelClosedError):
        kernel.service_manager.register_service("cache", dict)


def test_a_spec_string_sets_the_options() -> None:
    """Users choose strictness where they choose the kernel."""
    kernel = resolve_kernel("mock?strict=false&seed=3")

    assert kernel.create_runtime_context({}).call_service("a", "b") is not None


def test_importing_the_package_loads_none_of_its_modules() -> None:
    """A pytest plugin imports it before coverage starts."""
    code = (
        "import sys, sage_kernel_mock; "
        "print([m for m in sys.modules if m.startswith('sage_kernel')])"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "['sage_kernel_mock']"


def test_every_public_name_resolves() -> None:
    """A lazy table and its names drift apart silently."""
    import sage_kernel_mock

    for name in sage_kernel_mock.__all__:
        assert getattr(sage_kernel_mock, name).__name__ == name
    assert set(sage_kernel_mock.__all__) <= set(dir(sage_kernel_mock))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = sage_kernel_mock.Nothing  # type: ignore[attr-defined]  # the point of the test
