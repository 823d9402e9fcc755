"""What the contract's judge says, word for word: authors mend their kernels from its list."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import pytest

from sage_kernel_api.errors import KernelContractError
from sage_kernel_api.plugins import check_kernel
from sage_kernel_api.plugins.signatures import compare_members, member_template
from sage_kernel_api.values import Capability
from tests.plugins.test_check import make

_WAIT = "def wait_job(self, job_id: JobId, timeout_s: float | None = None) -> JobStatus"
_NUMBERS = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 2"


def problems(*changes: tuple[str, str], name: str | None = None) -> list[str]:
    with pytest.raises(KernelContractError) as caught:
        check_kernel(make(*changes), name=name)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "def shutdown(self): pass",
            "",
            ["Kernel lacks `shutdown`; write: def shutdown(self) -> None"],
        ),
        ('name = "fake"', "", ["Kernel lacks `name`; write: @property def name(self) -> str"]),
        (
            'api_version = "1.0"',
            "",
            ["Kernel lacks `api_version`; write: @property def api_version(self) -> str"],
        ),
        (
            "capabilities = frozenset()",
            "",
            [
                (
                    "Kernel lacks `capabilities`; write: "
                    "@property def capabilities(self) -> frozenset[Capability]"
                )
            ],
        ),
        (
            "self.logger_factory = Loggers()",
            "",
            [
                (
                    "Kernel lacks `logger_factory`; write: "
                    "@property def logger_factory(self) -> LoggerFactory"
                )
            ],
        ),
        (
            "job_id, timeout_s=None",
            "job_id",
            [f"job_manager: Jobs.wait_job: parameter `timeout_s` is missing; write: {_WAIT}"],
        ),
        (
            "Loggers()",
            "None",
            [
                (
                    "logger_factory: NoneType lacks `get_logger`; write: "
                    "def get_logger(self, name: str) -> Logger"
                ),
                (
                    "logger_factory: NoneType lacks `set_level`; write: "
                    "def set_level(self, level: LogLevel) -> None"
                ),
            ],
        ),
        ('name = "fake"', "name = ''", ["name must be text, not ''"]),
        ('name = "fake"', "name = list(range(99))", [f"name must be text, not {_NUMBERS}"]),
        (
            'name = "fake"',
            "name = property(lambda self: 1 / 0)",
            ["reading name raised ZeroDivisionError: division by zero"],
        ),
        (
            'api_version = "1.0"',
            "api_version = property(lambda self: 1 / 0)",
            ["reading api_version raised ZeroDivisionError: division by zero"],
        ),
        *(
            (
                'api_version = "1.0"',
                f"api_version = {version}",
                [f"api_version must be 'MAJOR.MINOR' such as '1.0', not {version}"],
            )
            for version in ("1", "'1'", "'1.0.0'", "'1.0000000'", "'v1.0'", "b'1.0'")
        ),
        (
            'api_version = "1.0"',
            "api_version = list(range(99))",
            [f"api_version must be 'MAJOR.MINOR' such as '1.0', not {_NUMBERS}"],
        ),
        (
            'api_version = "1.0"',
            'api_version = "1.1"',
            ["api_version 1.1 is newer than 1.0: upgrade sage-kernel"],
        ),
        (
            'api_version = "1.0"',
            'api_version = "2.0"',
            ["api_version 2.0 does not fit 1.0: upgrade sage-kernel"],
        ),
        (
            'api_version = "1.0"',
            'api_version = "0.9"',
            ["api_version 0.9 does not fit 1.0: upgrade the kernel's distribution"],
        ),
        (
            "capabilities = frozenset()",
            "capabilities = frozenset({'x'})",
            ["capabilities must be a frozenset of Capability, not frozenset({'x'})"],
        ),
        (
            "capabilities = frozenset()",
            "capabilities = list(range(99))",
            [f"capabilities must be a frozenset of Capability, not {_NUMBERS}"],
        ),
        (
            "self.job_manager, self.service_manager = Jobs(), Services()",
            (
                "self.service_manager = Services()\n"
                "    job_manager = property(lambda self: {}['jobs'])\n"
                "    def late(self):"
            ),
            ["reading job_manager raised KeyError: 'jobs'", "Kernel lacks `logger_factory`"],
        ),
    ],
)
def test_each_problem_says_what_is_wrong_and_what_to_write(
    old: str, new: str, expected: list[str]
) -> None:
    """A message that is off by a word costs an author a search through our sources."""
    found = problems((old, new))

    if len(expected) == 2 and expected[1].endswith("`logger_factory`"):
        # A kernel that lacks one of the facade's properties is asked for no manager.
        assert [one.partition(";")[0] for one in found] == expected[1:]
    else:
        assert found == expected


def test_the_heading_says_which_kernel_it_is_about() -> None:
    """With several plugins installed, a list of faults without a name helps nobody."""
    with pytest.raises(KernelContractError) as unnamed:
        check_kernel(make(("def shutdown(self): pass", "")))
    with pytest.raises(KernelContractError) as named:
        check_kernel(make(), name="other")

    assert str(unnamed.value).startswith("Kernel of type 'Kernel' breaks the contract:\n")
    assert str(named.value) == (
        "Kernel 'other' breaks the contract:\n"
        "  - name is 'fake' but the kernel is registered as 'other'"
    )


def test_a_kernel_may_write_its_name_in_capitals() -> None:
    """Names compare folded, in the kernel as in the spec."""
    check_kernel(make(('name = "fake"', 'name = "Fake"')), name="fake")


@pytest.mark.parametrize(
    ("capability", "member"),
    [
        ("TASKS", "@property def task_manager(self) -> TaskManager"),
        ("QUEUES", "@property def queue_manager(self) -> QueueManager"),
        ("CHECKPOINTS", "@property def checkpoint_manager(self) -> CheckpointManager"),
        (
            "EXPLAIN",
            "def explain_job(self, pipeline_config: PipelineConfig) -> PhysicalDescription",
        ),
    ],
)
def test_a_capability_without_its_member_is_named(capability: str, member: str) -> None:
    """Declaring one thing too much is the commonest slip of a new kernel."""
    name = member.partition("def ")[2].partition("(")[0]

    assert problems(
        ("capabilities = frozenset()", f"capabilities = frozenset({{CAPABILITY.{capability}}})"),
        ("class Jobs:", "from sage_kernel_api.values import Capability as CAPABILITY\nclass Jobs:"),
    ) == [f"it declares {capability}, but Kernel lacks `{name}`; write: {member}"]


@pytest.mark.parametrize("capability", ["TASKS", "QUEUES", "CHECKPOINTS"])
def test_the_manager_behind_a_capability_is_judged_as_well(capability: str) -> None:
    """An attribute of the right name proves nothing."""
    kernel = make()
    attribute = {"TASKS": "task", "QUEUES": "queue", "CHECKPOINTS": "checkpoint"}[capability]
    setattr(kernel, f"{attribute}_manager", object())
    type(kernel).capabilities = frozenset({Capability[capability]})

    with pytest.raises(KernelContractError) as caught:
        check_kernel(kernel)

    assert len(caught.value.problems) > 1
    assert all(
        one.startswith(f"{attribute}_manager: object lacks `") for one in caught.value.problems
    )


def test_pausing_asks_for_two_more_members_of_the_jobs() -> None:
    """`PAUSE` has no manager of its own, and must not be forgotten for that."""
    kernel = make()
    type(kernel).capabilities = frozenset({Capability.PAUSE})

    with pytest.raises(KernelContractError) as caught:
        check_kernel(kernel)

    assert caught.value.problems == (
        "job_manager: Jobs lacks `pause_job`; write: def pause_job(self, job_id: JobId) -> bool",
        "job_manager: Jobs lacks `resume_job`; write: def resume_job(self, job_id: JobId) -> bool",
    )


class Wanted(Protocol):
    """One member of each kind of signature."""

    @abstractmethod
    def call(self, a: int, b: str = "x", *rest: int, c: int, d: int = 2, **more: int) -> None:
        """Do it."""


class Positional(Protocol):
    """A member whose parameter has no public name."""

    @abstractmethod
    def call(self, a: int, /, b: int) -> None:
        """Do it."""


def differences(function: Any, protocol: type = Wanted) -> str:
    """Return what is said of a class with this member, without the template at its end."""
    said = "".join(compare_members(type("Mine", (), {"call": function}), protocol))
    return said.removeprefix("Mine.call: ").partition("; write: ")[0]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda self, a, b="", *r, c, d=0: 0, "`**more` is missing"),
        (lambda self, a, b="", *, c, d=0, **m: 0, "`*rest` is missing"),
        (lambda self, a, b="", *r, d=0, c, e, **m: 0, "additional parameter `e` has no default"),
        (lambda self, a, b="", *r, c, d, **m: 0, "parameter `d` needs a default (2)"),
        (lambda self, a, b, *r, c, d=0, **m: 0, "parameter `b` needs a default ('x')"),
        (
            lambda self, b, a="", *r, c, d=0, **m: 0,
            "parameter `b` must be called `a`; parameter `a` must be called `b`",
        ),
        (
            lambda self, a, /, b="", *r, c, d=0, **m: 0,
            "parameter `a` must be accepted by name, too",
        ),
        (
            lambda self, *r, c, d=0: 0,
            "parameter `a` is missing; parameter `b` is missing; `**more` is missing",
        ),
        (
            lambda self, a, *r, b="", c, d=0, **m: 0,
            "parameter `b` must be accepted by position, too",
        ),
        (
            lambda self, a, b="": 0,
            (
                "`*rest` is missing; keyword parameter `c` is missing; keyword parameter `d` is "
                "missing; `**more` is missing"
            ),
        ),
        (
            lambda self, a, b="", c=0, /, *r, d=0: 0,
            (
                "parameter `a` must be accepted by name, too; parameter `b` must be accepted by "
                "name, too; keyword parameter `c` is missing; `**more` is missing"
            ),
        ),
    ],
)
def test_what_would_make_a_call_fail_is_said(function: Any, said: str) -> None:
    """Python itself would only say it when a job runs into the call."""
    assert differences(function) == said


@pytest.mark.parametrize(
    "function",
    [
        lambda self, a, b="", *r, c, d=0, **m: 0,
        lambda self, a, b="", *r, c=1, d=0, e=3, **m: 0,
        lambda self, *r, **m: 0,
        lambda self, a=1, *r, **m: 0,
        lambda self, a, b="", *r, **m: 0,
        staticmethod(lambda a, b="", *r, c, d=0, **m: 0),
        classmethod(lambda cls, a, b="", *r, c, d=0, **m: 0),
    ],
)
def test_what_takes_every_call_is_no_difference(function: Any) -> None:
    """An author may take more than is asked for, in any way that Python has."""
    assert list(compare_members(type("Mine", (), {"call": function}), Wanted)) == []


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda self, x, b: 0, []),
        (lambda self, x, /, b: 0, []),
        (lambda self, b: 0, ["parameter `b` is missing"]),
        (lambda self, x, c: 0, ["parameter `c` must be called `b`"]),
    ],
)
def test_a_parameter_that_is_given_by_position_may_have_any_name(
    function: Any, said: list[str]
) -> None:
    """Asking for a name that no caller uses would be a chicane."""
    found = list(compare_members(type("Mine", (), {"call": function}), Positional))

    template = "; write: def call(self, a: int, /, b: int) -> None"
    assert found == [f"Mine.call: {one}{template}" for one in said]


def test_an_attribute_of_the_object_that_can_be_called_is_a_method_too() -> None:
    """Composed kernels hand members on: `self.call = other.call`."""

    class Mine:
        def __init__(self, call: Callable[..., object]) -> None:
            self.call = call

    assert list(compare_members(Mine(lambda a, b: 0), Positional)) == []
    assert list(compare_members(Mine(partial(lambda self, a, b: 0, 1)), Positional)) == []
    assert list(compare_members(Mine(max), Positional)) == []
    (said,) = compare_members(Mine(lambda self, a, b: 0), Positional)
    assert "additional parameter `b` has no default" in said


def test_a_member_that_is_inherited_from_the_protocol_is_still_lacking() -> None:
    """An explicit subclass inherits the abstract member, which returns None."""

    class Forgetful(Positional):
        pass

    assert list(compare_members(Forgetful, Positional)) == [
        "Forgetful lacks `call`; write: def call(self, a: int, /, b: int) -> None"
    ]


def test_a_method_that_was_put_in_a_wrong_way_is_told() -> None:
    """Each of these is found by the first job otherwise."""

    class Number:
        call = 4

    class Coroutine:
        async def call(self, a: int, b: int) -> None:
            """Never awaited by anybody."""

    template = "write: def call(self, a: int, /, b: int) -> None"
    assert list(compare_members(Number(), Positional)) == [
        f"Number.call is a int and must be a method; {template}"
    ]
    assert list(compare_members(Coroutine(), Positional)) == [
        "Coroutine.call is `async def` and must be a plain `def`"
    ]


def test_the_line_to_write_is_given_for_one_member_too() -> None:
    """Type reports show it beside the checker's own words."""
    assert member_template(Positional, "call") == "def call(self, a: int, /, b: int) -> None"
    assert member_template(Positional, "other") == ""


def test_what_one_object_of_a_class_is_known_for_does_not_excuse_the_next_one() -> None:
    """Classes are looked at once; an attribute that one object was given may still be wrong."""

    class Mine:
        def call(self, a: int, b: int) -> None:
            """Right."""

    right, wrong = Mine(), Mine()
    assert list(compare_members(right, Positional)) == []

    wrong.call = lambda a: None  # type: ignore[method-assign, assignment, misc]

    assert "parameter `b` is missing" in "".join(compare_members(wrong, Positional))
    assert list(compare_members(right, Positional)) == []


def test_an_attribute_that_only_some_objects_have_is_missed_in_the_others() -> None:
    """A property may be an attribute, which a constructor sets on one path and not on another."""

    class Named(Protocol):
        @property
        @abstractmethod
        def name(self) -> str: ...

    class Mine:
        def __init__(self, name: str | None) -> None:
            if name is not None:
                self.name = name

    assert list(compare_members(Mine("right"), Named)) == []
    assert "lacks `name`" in "".join(compare_members(Mine(None), Named))
    assert list(compare_members(Mine("right"), Named)) == []


def test_what_one_class_is_known_for_does_not_excuse_another_class() -> None:
    """Classes themselves are objects of one class, and each stands for its own members."""

    class Right(Positional):
        def call(self, a: int, /, b: int) -> None:
            """Right."""

    class Heir(Right):
        pass

    class Wrong(Positional):
        pass

    assert list(compare_members(Right, Positional)) == []
    assert list(compare_members(Heir, Positional)) == []
    assert "lacks `call`" in "".join(compare_members(Wrong, Positional))
