"""``sage-kernel diff``: one pipeline on several kernels."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CommandLine

_PIPELINES = """
    import itertools
    import threading
    from sage_kernel_api import LocalEnvironment

    def counts(env: LocalEnvironment) -> None:
        keyed = env.from_collection(range(1000)).keyby(lambda v: v % 3)
        keyed.reduce(lambda a, b: a + b, parallelism=2).sink(print, name="sums")
        keyed.map(lambda v: [v]).sink(print, name="lists")

    def differs(env: LocalEnvironment) -> None:
        def where(value: int) -> int:
            return value + 10 * (threading.current_thread() is threading.main_thread())
        env.from_collection([1, 2]).map(where).sink(print, name="out")

    def order(env: LocalEnvironment) -> None:
        def late(value: int) -> int:
            # The order depends on the kernel, the set of values does not.
            is_inline = threading.current_thread() is threading.main_thread()
            return value if is_inline else 3 - value
        env.from_collection([1, 2]).map(late).keyby(lambda v: "k").sink(print, name="out")

    def fails(env: LocalEnvironment) -> None:
        env.from_collection([1, 0]).map(lambda v: 1 // v).sink(print)

    def fails_apart(env: LocalEnvironment) -> None:
        def strict(value: int) -> int:
            if threading.current_thread() is threading.main_thread():
                raise KeyError(value)
            return value
        env.from_collection([1]).map(strict).sink(print)

    def endless(env: LocalEnvironment) -> None:
        env.from_collection(itertools.count()).sink(print)

    def empty(env: LocalEnvironment) -> None:
        env.from_collection([1])

    def wide(env: LocalEnvironment) -> None:
        env.from_collection([1]).map(str).set_placement("process").sink(print)
"""


@pytest.fixture
def diff(sage_kernel: CommandLine) -> CommandLine:
    sage_kernel.write("pipelines.py", _PIPELINES)
    return sage_kernel


def test_kernels_that_agree_are_told_so_and_no_sink_runs(diff: CommandLine) -> None:
    """A comparison that prints, or writes files, could not be run on real pipelines."""
    done = diff("diff", "pipelines.py:counts", "--kernels", "default,mock,default?frame_size=1")

    assert done.code == 0
    assert done.out.startswith("default, mock, default?frame_size=1 agree: 2000 records at 2 sinks")
    assert done.err.splitlines() == [
        "running on default",
        "running on mock",
        "running on default?frame_size=1",
    ]


def test_a_different_record_is_shown(diff: CommandLine) -> None:
    """Who changes the kernel wants to know what else changes."""
    done = diff("diff", "pipelines.py:differs", "--kernels", "default,mock")

    assert done.code == 1
    assert done.out.splitlines() == [
        "mock differs from default at sink 'out':",
        "  missing:    1",
        "  missing:    2",
        "  unexpected: 11",
        "  unexpected: 12",
    ]


def test_another_order_within_a_key_is_shown(diff: CommandLine) -> None:
    """Order within a key is a promise, and a set would not show that it is broken."""
    done = diff("diff", "pipelines.py:order", "--kernels", "default,mock")

    assert done.code == 1
    assert "mock differs from default at sink 'out':" in done.out
    assert "key 'k', at its record 0: expected ('k', 2), got ('k', 1)" in done.out


def test_failures_are_outcomes_and_are_compared(diff: CommandLine) -> None:
    """A kernel that finishes where another one fails has swallowed something."""
    same = diff("diff", "pipelines.py:fails", "--kernels", "default,mock")
    apart = diff("diff", "pipelines.py:fails_apart", "--kernels", "default,mock")

    assert same.code == 0
    assert "agree: the job fails with ZeroDivisionError" in same.out
    assert apart.code == 1
    assert "mock differs from default at the end of the job:" in apart.out
    assert "default: finished" in apart.out
    assert "mock: KeyError: 1" in apart.out


def test_a_kernel_that_cannot_run_it_is_left_out_unless_it_was_named(diff: CommandLine) -> None:
    """Installed kernels come and go; a named one is a wish."""
    named = diff("diff", "pipelines.py:wide", "--kernels", "default,mock")
    installed = diff("diff", "pipelines.py:wide")

    assert (named.code, installed.code) == (4, 2)
    assert "process-lanes" in named.err
    assert "needs two kernels; able to run pipelines.py:wide is default" in installed.err


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("endless", 4, "had not ended after 0.5 s"),
        ("empty", 4, "no sink, so there is nothing to compare"),
        ("nothing", 2, "has no 'nothing'"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    diff: CommandLine, name: str, code: int, said: str
) -> None:
    """An endless comparison, or one of nothing, would look like agreement."""
    done = diff("diff", f"pipelines.py:{name}", "--kernels", "default,mock", "--timeout", "0.5")

    assert done.code == code
    assert said in done.err
