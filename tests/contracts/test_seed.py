"""Must show 4 of the first issue: the seed's interfaces are kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from inspect import Parameter
from typing import Any

import pytest

from sage_kernel_api.core.functions.service_calls import ServiceCaller
from tests.contracts.seed_signatures import SEED, SeedMember


@pytest.mark.parametrize("wanted", SEED, ids=lambda row: f"{row.owner}.{row.member}")
def test_a_member_of_the_seed_exists_with_its_parameters(wanted: SeedMember) -> None:
    """Authors who wrote against the seed must find every name where it was."""
    owner = getattr(import_module(wanted.module), wanted.owner)

    member = inspect.getattr_static(owner, wanted.member)

    if wanted.kind == "property":
        assert isinstance(member, property)
    elif isinstance(member, property):
        # ``self.call_service`` became an object that can be called in the seed's way and in others.
        assert wanted.member in ("call_service", "call_service_async")
        returned = inspect.signature(ServiceCaller.__call__).parameters
        assert list(returned)[:3] == ["self", "service_name", "args"]
    else:
        assert problems(member, wanted.parameters) == []


def test_the_table_covers_all_classes_of_the_seed() -> None:
    """A forgotten class would be a forgotten promise."""
    owners = {row.owner for row in SEED}

    assert owners == {
        "RuntimeContext", "ExecutionContext", "DataTransport", "MessageRouter", "JobManager",
        "ServiceManager", "StateManager", "KernelFacade", "BaseOperator", "BaseEnvironment",
        "BaseFunction",
    }  # fmt: skip
    assert len(SEED) == 53


def test_all_members_of_the_contract_must_be_implemented() -> None:
    """A Protocol member without @abstractmethod would be inherited as a method returning None."""
    for row in SEED:
        if row.module != "sage_kernel_api":
            owner = getattr(import_module(row.module), row.owner)
            assert row.member in owner.__abstractmethods__, row


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (lambda self, name: None, "nam"),
        (lambda self, a, b: None, "b, a"),
        (lambda self, a: None, "a="),
        (lambda self, a, b: None, "a"),
        (lambda self, *, a: None, "a"),
        (lambda self, a: None, "a, *args"),
    ],
)
def test_the_comparison_sees_a_difference(function: Callable[..., Any], wanted: str) -> None:
    """A comparison that is always satisfied guards nothing."""
    assert problems(function, wanted)


def problems(member: Callable[..., Any], wanted: str) -> list[str]:
    """Compare; parameters that were added later must have a default."""
    parameters = list(inspect.signature(member).parameters.values())[1:]
    expected = [part.strip() for part in wanted.split(",") if part.strip()]
    return list(_problems(parameters, expected))


def _problems(parameters: list[Parameter], expected: list[str]) -> Iterator[str]:
    by_position = [p for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
    positional = [text for text in expected if not text.startswith("*")]
    for text, found in zip(positional, by_position, strict=False):
        # A default that was added later breaks no caller.
        if text not in (_shown(found), found.name):
            yield f"{text} became {_shown(found)}"
    for text in positional[len(by_position) :]:
        yield f"{text} is missing"
    for extra in by_position[len(positional) :]:
        if extra.default is Parameter.empty:
            yield f"{extra.name} was added without a default"
    kinds = {p.kind for p in parameters}
    for text, kind in (
        ("*args", Parameter.VAR_POSITIONAL),
        ("**kwargs", Parameter.VAR_KEYWORD),
    ):
        if text in expected and kind not in kinds:
            yield f"{text} is missing"


def _shown(parameter: Parameter) -> str:
    return parameter.name if parameter.default is Parameter.empty else f"{parameter.name}="
