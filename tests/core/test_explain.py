"""The described graph, for people and programs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment, describe, render
from sage_kernel_api.errors import ConfigurationError


@pytest.fixture
def wordcount(env: LocalEnvironment) -> LocalEnvironment:
    loop = env.from_future('the "loop"', str)
    words = env.from_collection(["a b"]).union(loop).flatmap(str.split, name="split")
    counts = words.keyby(lambda word: word).reduce(lambda a, b: a, name="count", parallelism=2)
    counts.sink(print, name="out")
    words.filter(lambda word: len(word) > 1).fill_future(loop)
    return env


def test_text_shows_each_step_with_what_feeds_it(wordcount: LocalEnvironment) -> None:
    """People look here to see how their records travel."""
    lines = render(describe(wordcount), "text").splitlines()

    assert lines[1:3] == [
        'the "loop"   map x1 <- filter (forward, feedback)',
        "source       source x1",
    ]
    assert lines[-3:] == [
        "count        reduce x2 <- key_by (hash)",
        "out          sink x1 <- count (round_robin)",
        "filter       filter x1 <- split (forward)",
    ]


def test_json_holds_the_whole_graph(wordcount: LocalEnvironment) -> None:
    """Tools read this."""
    graph = json.loads(render(describe(wordcount), "json"))

    assert len(graph["steps"]) == len(wordcount.pipeline)
    assert [edge["is_feedback"] for edge in graph["edges"]].count(True) == 1
    assert graph["steps"][4]["requires"] == ["keyed-routing", "parallelism"]


@pytest.mark.parametrize(
    ("form", "words"),
    [("mermaid", ["flowchart LR", "#quot;loop#quot;", "-.->"]), ("dot", ["digraph", '\\"loop\\"'])],
)
def test_pictures_quote_what_users_name(
    wordcount: LocalEnvironment, form: Any, words: list[str]
) -> None:
    """A quote in a name must not break the picture."""
    picture = render(describe(wordcount), form)

    assert all(word in picture for word in words)


def test_an_unknown_format_is_refused(env: LocalEnvironment) -> None:
    """The message shows what there is."""
    unknown: Any = "svg"
    with pytest.raises(ConfigurationError, match="text, mermaid, dot, json"):
        render(describe(env), unknown)
