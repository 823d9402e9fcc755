"""The contract's judge: members and signatures, all problems at once, nothing run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sage_kernel_api.errors import KernelContractError, KernelSpecError
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.plugins import check_kernel, resolve_kernel
from sage_kernel_api.values import Capability
from tests.plugins.fake_kernel import COMPLETE


def make(*changes: tuple[str, str]) -> Any:
    """Make the complete fake kernel, with some of its text replaced."""
    text = COMPLETE.replace("@NAME@", "fake")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    module: dict[str, Any] = {}
    exec(text, module)
    return module["Kernel"]()


def test_a_complete_kernel_is_returned_as_it_is() -> None:
    """A kernel object is the user's own choice and must not be wrapped or replaced."""
    kernel = make()

    assert resolve_kernel(kernel) is kernel


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("def shutdown(self): pass", "", "lacks `shutdown`; write: def shutdown(self) -> None"),
        ("self, job_id, timeout_s=None", "self, job_id, timeout_s", "needs a default (None)"),
        ("self, job_id, timeout_s=None", "self, job_id", "`timeout_s` is missing"),
        ("cancel_job(self, job_id)", "cancel_job(self, job)", "must be called `job_id`"),
        ("cancel_job(self, job_id)", "cancel_job(self, job_id, /)", "accepted by name"),
        ("cancel_job(self, job_id)", "cancel_job(self, *, job_id)", "accepted by position"),
        ("cancel_job(self, job_id)", "cancel_job(self, job_id, now)", "`now` has no default"),
        ("self, name, method, *args, **kwargs", "self, name, method, *args", "`**kwargs` is"),
        ("self, name, method, *args, **kwargs", "self, name, method, **kwargs", "`*args` is"),
        ("def shutdown", "async def shutdown", "is `async def`"),
        ("def shutdown(self): pass", "shutdown = 4", "is a int and must be a method"),
        ('name = "fake"', "def name(self): return 1", "put @property above it"),
        ('name = "fake"', "name = 4", "name must be text"),
        ('api_version = "1.0"', 'api_version = "1.99"', "upgrade sage-kernel"),
        ('api_version = "1.0"', 'api_version = "0.9"', "upgrade the kernel's distribution"),
        ('api_version = "1.0"', "api_version = 1", "must be 'MAJOR.MINOR'"),
        ("capabilities = frozenset()", "capabilities = {'x'}", "frozenset of Capability"),
        (
            "capabilities = frozenset()",
            "capabilities = property(lambda self: 1 / 0)",
            "reading capabilities raised ZeroDivisionError",
        ),
        ("Loggers()", "None", "logger_factory: NoneType lacks `get_logger`"),
    ],
)
def test_each_breach_is_named_with_what_to_write(old: str, new: str, words: str) -> None:
    """A kernel author must be able to mend it from the message alone."""
    with pytest.raises(KernelContractError) as caught:
        check_kernel(make((old, new)))

    assert any(words in problem for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cancel_job(self, job_id)", "cancel_job(self, job_id, now=False)"),
        ("cancel_job(self, job_id)", "cancel_job(self, *args, **kwargs)"),
        ("def cancel_job(self, job_id)", "@staticmethod\n    def cancel_job(job_id)"),
        ("def cancel_job(self, job_id)", "@classmethod\n    def cancel_job(cls, job_id)"),
        ('name = "fake"', "name = property(lambda self: 'fake')"),
        ("def shutdown(self): pass", "shutdown = print"),
    ],
)
def test_freedom_that_callers_do_not_notice_is_allowed(old: str, new: str) -> None:
    """A kernel may have more than the contract asks."""
    check_kernel(make((old, new)))


def test_all_breaches_are_in_one_error() -> None:
    """Mending one and running into the next costs an author an afternoon."""
    kernel = make(
        ("def shutdown(self): pass", ""),
        ("list_jobs(self)", "list_jobs(self, since)"),
        ('api_version = "1.0"', 'api_version = "9.0"'),
    )

    with pytest.raises(KernelContractError) as caught:
        check_kernel(kernel)

    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("capability", ["TASKS", "QUEUES", "CHECKPOINTS", "PAUSE", "EXPLAIN"])
def test_a_declared_capability_must_have_its_members(capability: str) -> None:
    """A promise in `capabilities` is relied on before the job runs."""
    kernel = make()
    type(kernel).capabilities = frozenset({Capability[capability]})

    with pytest.raises(KernelContractError, match="lacks `"):
        check_kernel(kernel)


def test_no_getter_of_an_unknown_object_runs_before_it_has_all_members() -> None:
    """Looking at a wrong object must not connect it to a cluster."""

    class Curious:
        @property
        def job_manager(self) -> object:
            seen.append("job_manager")
            return None

        def __getattr__(self, name: str) -> object:
            seen.append(name)
            return self

    seen: list[str] = []
    with pytest.raises(KernelContractError):
        check_kernel(Curious())

    assert seen == []


@pytest.mark.parametrize("value", [b"default", 4, 1.5, True, [], {}, KernelFacade, int])
def test_what_is_neither_spec_nor_kernel_is_told_so(value: Any) -> None:
    """Eleven missing members of an int would hide what went wrong."""
    with pytest.raises(KernelSpecError, match="kernel"):
        resolve_kernel(value)


def test_an_explicit_subclass_that_forgets_members_is_told_all_of_them() -> None:
    """Python itself would say it with less help, and as another error."""
    from sage_kernel_api.plugins import register_kernel, unregister_kernel

    class Forgetful(KernelFacade):
        def shutdown(self) -> None:
            """Do nothing."""

    factory: Callable[..., Any] = Forgetful
    register_kernel("forgetful", factory)
    try:
        with pytest.raises(KernelContractError, match="lacks `name`") as caught:
            resolve_kernel("forgetful")
    finally:
        unregister_kernel("forgetful")
    assert len(caught.value.problems) == 8
