"""``sage-kernel explain``: the graph of a file's pipeline, in every format."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import CommandLine

LOOP = """
    from sage_kernel_api import LocalEnvironment


    def loop(env: LocalEnvironment) -> None:
        again = env.from_future("again", int)
        halves = env.from_collection([40]).union(again).map(lambda n: n // 2, name="halve")
        halves.filter(lambda n: n > 4, name="large").fill_future(again)
        halves.sink(print, name="show", parallelism=2)
"""


@pytest.mark.parametrize(
    ("graph_format", "parts"),
    [
        ("text", ["halve", "large", "show", "feedback"]),
        ("mermaid", ["flowchart LR", "halve", "-.->", "round_robin"]),
        ("dot", ["digraph", "halve", "dashed", "round_robin"]),
    ],
)
def test_the_graph_shows_steps_edges_and_loops(
    sage_kernel: CommandLine, graph_format: str, parts: list[str]
) -> None:
    """A picture without the loop would explain nothing."""
    sage_kernel.write("loop.py", LOOP)

    outcome = sage_kernel("explain", "loop.py", "--format", graph_format)

    assert outcome.code == 0, outcome.err
    for part in parts:
        assert part in outcome.out


def test_json_can_be_read_by_tools(sage_kernel: CommandLine) -> None:
    """Other programs draw their own pictures."""
    sage_kernel.write("loop.py", LOOP)

    graph = json.loads(sage_kernel("explain", "loop.py:loop", "--format", "json").out)

    assert graph["name"] == "loop"
    assert {step["name"] for step in graph["steps"]} >= {"halve", "large", "show"}
    assert any(edge["is_feedback"] for edge in graph["edges"])


def test_explaining_runs_nothing(sage_kernel: CommandLine) -> None:
    """One looks at a graph before one lets it loose on one's data."""
    sage_kernel.write("loop.py", LOOP)

    assert "20" not in sage_kernel("explain", "loop.py").out.split()


def test_a_wrong_graph_is_shown_and_its_problems_after_it(sage_kernel: CommandLine) -> None:
    """The picture helps most where something is wrong."""
    sage_kernel.write(
        "wrong.py",
        """
        from sage_kernel_api import LocalEnvironment

        env = LocalEnvironment("wrong")
        env.from_collection([1]).map(str, name="text", parallelism=0).sink(print)
        """,
    )

    outcome = sage_kernel("explain", "wrong.py")

    assert outcome.code == 4
    assert "text" in outcome.out
    assert "parallelism" in outcome.err


SPREAD = """
    from sage_kernel_api import LocalEnvironment

    LOADED = print("only loaded")


    def spread(env: LocalEnvironment) -> None:
        numbers = env.from_collection(range(4))
        numbers.map(str, name="text", parallelism=2).set_placement("process").sink(
            print, name="show"
        )
"""


def test_the_physical_graph_shows_chains_lanes_and_why_chains_break(
    sage_kernel: CommandLine,
) -> None:
    """Who tunes a job must see what the kernel made of it, and what stood in its way."""
    sage_kernel.write("spread.py", SPREAD)

    outcome = sage_kernel("explain", "spread.py", "--physical", "--kernel", "default?processes=2")

    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[1:] == [
        "pipeline spread on kernel default: 3 chains, 4 tasks",
        "chain source  x1  thread",
        "chain text    x2  process 1, process 2",
        "chain show    x1  thread",
        "source -> text (round_robin), 2 channels: parallelism changes from 1 to 2",
        "text -> show (round_robin), 2 channels: parallelism changes from 2 to 1",
    ]


def test_a_kernel_that_cannot_tell_is_named(sage_kernel: CommandLine) -> None:
    """An older kernel stays valid, and the user learns whom to ask instead."""
    sage_kernel.write("spread.py", SPREAD)

    outcome = sage_kernel("explain", "spread.py", "--physical", "--kernel", "mock")

    assert outcome.code == 4
    assert "Kernel 'mock' cannot tell how it would run a job" in outcome.err
    assert "'default'" in outcome.err


def test_a_kernel_without_physical_is_a_mistake(sage_kernel: CommandLine) -> None:
    """A silently ignored option would be taken for an answer."""
    sage_kernel.write("spread.py", SPREAD)

    outcome = sage_kernel("explain", "spread.py", "--kernel", "mock")

    assert outcome.code == 2
    assert "--physical" in outcome.err
