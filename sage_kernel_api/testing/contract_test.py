"""One test of the contract, as both ways of running the kit see it.

Layer: testing. Values only; knows no kernel and no test framework.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.testing.profiles import Profile, Subject, profile_of
from sage_kernel_api.values import Capability

if TYPE_CHECKING:
    from sage_kernel_api.testing.backdoors import Door
    from sage_kernel_api.testing.workbench import Workbench

__all__ = ["LIMIT_S", "ContractTest", "promise", "tests_of"]

LIMIT_S: Final = 40.0
"""How long a test may take, in seconds; one that takes longer has failed."""

CheckT = TypeVar("CheckT", bound=Callable[..., None])
Variants: TypeAlias = Iterable[str] | Mapping[str, Any]
_MARK: Final = "__sage_kernel_promise__"


@dataclass(frozen=True, slots=True)
class ContractTest:
    """One promise of the contract, and the function that finds out whether a kernel keeps it.

    Attributes:
        subject: The capability that it belongs to, or the profile for what every kernel must do.
        function: Takes a `Workbench`, and the value of the variant if there are variants. It
            returns if the promise is kept, and raises if not.
        needs: Capabilities that it uses beside its subject.
        lacks: A capability that the kernel must not have: the promise is how it is refused.
        doors: Back doors without which the test is not possible.
        uses_hypothesis: Whether it draws examples with the library of that name.
        is_on_main_thread: Whether it looks at things that only the main thread may change.
        variant: Name of the variant; empty if there are none.
        value: What the function gets beside the workbench.
        limit_s: Longest time, in seconds.
    """

    subject: Subject
    function: Callable[..., None]
    needs: frozenset[Capability] = frozenset()
    lacks: Capability | None = None
    doors: frozenset[Door] = frozenset()
    uses_hypothesis: bool = False
    is_on_main_thread: bool = False
    variant: str = ""
    value: Any = None
    limit_s: float = LIMIT_S

    @property
    def name(self) -> str:
        """The function's name, with the variant in brackets."""
        variant = f"[{self.variant}]" if self.variant else ""
        return f"{self.function.__name__}{variant}"

    @property
    def test_id(self) -> str:
        """Unique in the kit: subject and name."""
        return f"{self.subject.value}/{self.name}"

    @property
    def profile(self) -> Profile:
        """The profile that it is run in."""
        return profile_of(self.subject)

    @property
    def promise(self) -> str:
        """The promise in words: the first paragraph of the function's docstring."""
        words = (self.function.__doc__ or "").strip().split("\n\n")[0]
        return " ".join(words.split())

    def fits(
        self, capabilities: frozenset[Capability], doors: frozenset[Door] = frozenset()
    ) -> bool:
        """Tell whether a kernel with these capabilities gives this promise, and lets us look."""
        if self.lacks in capabilities or not self.doors <= doors:
            return False
        own = {self.subject} if isinstance(self.subject, Capability) else set()
        return own | self.needs <= capabilities

    def __call__(self, bench: Workbench) -> None:
        """Run the function."""
        if self.variant:
            self.function(bench, self.value)
        else:
            self.function(bench)


@dataclass(frozen=True, slots=True)
class _Promise:
    tests: tuple[ContractTest, ...]


def promise(
    subject: Subject,
    *needs: Capability,
    variants: Variants = (),
    lacks: Callable[[str], Capability] | None = None,
    doors: Iterable[Door] = (),
    uses_hypothesis: bool = False,
    is_on_main_thread: bool = False,
    limit_s: float = LIMIT_S,
) -> Callable[[CheckT], CheckT]:
    """Mark a function as a test of the contract; the function itself is returned.

    Args:
        subject: See `ContractTest`; so are the others.
        needs: Capabilities that the test uses beside its subject.
        variants: Values by name, each of which is a test of its own; or just names.
        lacks: Gives for the name of a variant the capability that the kernel must not have.
        doors: Back doors that it needs.
        uses_hypothesis: Whether it draws examples.
        is_on_main_thread: Whether it must run on the main thread.
        limit_s: Longest time in seconds.
    """
    values = variants if isinstance(variants, Mapping) else {name: name for name in variants}

    def mark(function: CheckT) -> CheckT:
        if not (function.__doc__ or "").strip():
            raise ConfigurationError(
                f"The contract test {function.__name__} has no docstring: it says the promise."
            )
        tests = tuple(
            ContractTest(
                subject,
                function,
                frozenset(needs),
                lacks(name) if lacks else None,
                frozenset(doors),
                uses_hypothesis,
                is_on_main_thread,
                name,
                value,
                limit_s,
            )
            for name, value in (values or {"": None}).items()
        )
        setattr(function, _MARK, _Promise(tests))
        return function

    return mark


def tests_of(function: object) -> Iterator[ContractTest]:
    """Yield the tests that `promise` made of *function*: one for each variant."""
    found = getattr(function, _MARK, None)
    if isinstance(found, _Promise):
        yield from found.tests
