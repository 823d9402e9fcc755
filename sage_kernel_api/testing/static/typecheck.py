"""Prove statically that an installed kernel's factory returns what the Protocols ask for.

Layer: testing. mypy and pyright judge the types; `check_kernel` judges the names of parameters,
which mypy lets pass.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from sage_kernel_api.errors import ConfigurationError, KernelContractError
from sage_kernel_api.plugins import KernelSpec
from sage_kernel_api.plugins.options import describe_options
from sage_kernel_api.plugins.registrar import KernelOffer
from sage_kernel_api.plugins.registry import find_offer
from sage_kernel_api.plugins.resolve import make_kernel
from sage_kernel_api.plugins.signatures import member_template
from sage_kernel_api.testing.static.checkers import (
    CheckerRun,
    has_checker,
    run_mypy,
    run_pyright,
)
from sage_kernel_api.testing.static.probe_file import Claim, probe_source
from sage_kernel_api.values import Capability

__all__ = ["TypeReport", "Verdict", "typecheck_kernel"]

_MISSING: Final = re.compile(
    r"missing following \"(?P<protocol>\w+)\" protocol members?:\n(?P<names>(?:[ ]{4}.+\n?)+)"
)
_ABSENT: Final = re.compile(r"\"(?P<name>\w+)\" is not present")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one judge said.

    Attributes:
        judge: ``contract``, ``mypy`` or ``pyright``.
        problems: What is wrong, each with what to write; empty if nothing is.
        left_out: Why it did not judge; empty if it did.
    """

    judge: str
    problems: tuple[str, ...] = ()
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class TypeReport:
    """What is known of the types of one kernel.

    Attributes:
        kernel: Its name.
        factory: Module and name of its factory.
        claims: What had to hold, in words.
        verdicts: One for each judge.
    """

    kernel: str
    factory: str
    claims: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def is_proven(self) -> bool:
        """True if no judge has a problem; mypy, at least, has judged."""
        return not any(verdict.problems for verdict in self.verdicts)


def typecheck_kernel(spec: str) -> TypeReport:
    """Judge the types of an installed or registered kernel.

    Args:
        spec: Its name, with options if it cannot be made without.

    Raises:
        ConfigurationError: mypy is not installed, or the factory cannot be named in a file: it is
            a lambda, or defined inside of a function.
        KernelError: There is no such kernel, or its plugin cannot be loaded.
    """
    if not has_checker("mypy"):
        raise ConfigurationError("typecheck needs mypy. Try: pip install mypy")
    parsed = KernelSpec.parse(spec)
    offer = find_offer(parsed.name)
    factory, options = _importable(offer.factory), None
    if offer.options is not None:
        options = _importable(offer.options)
    capabilities, problems = _made(offer, parsed)
    text, places = probe_source(factory, options, capabilities)
    with tempfile.TemporaryDirectory(prefix="sage-kernel-typecheck-") as folder:
        file = Path(folder) / "kernel_types.py"
        file.write_text(text, encoding="utf-8")
        sources = _sources(factory, options)
        verdicts = [
            Verdict("contract", problems),
            _verdict(run_mypy(file, sources), places),
            _pyright(file, sources, places),
        ]
    claims = (f"{claim.what} is a {claim.protocol[1]}" for claim in places.values())
    return TypeReport(offer.name, ".".join(factory), tuple(claims), tuple(verdicts))


def _made(offer: KernelOffer, spec: KernelSpec) -> tuple[frozenset[Capability], tuple[str, ...]]:
    """Return what the kernel declares, and what the check before first use has against it."""
    given = {key for key, _ in spec.options}
    required = [option for option in describe_options(offer.options) if option.is_required]
    if any(option.name not in given for option in required):
        names = ", ".join(f"{option.name}=..." for option in required)
        raise ConfigurationError(
            f"Kernel {offer.name!r} cannot be made without options; write {offer.name}?{names}"
        )
    try:
        kernel = make_kernel(offer, spec)
    except KernelContractError as error:
        return frozenset(), tuple(error.problems) or (str(error),)
    try:
        return kernel.capabilities, ()
    finally:
        kernel.shutdown()


def _importable(thing: Callable[..., object]) -> tuple[str, str]:
    module = getattr(thing, "__module__", "")
    name = getattr(thing, "__qualname__", "")
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not name or found is not thing:
        raise ConfigurationError(
            f"{thing!r} cannot be named in a file, so no type checker can judge it. Register the "
            "kernel's class, or a function at the top of a module."
        )
    return module, name


def _sources(*things: tuple[str, str] | None) -> list[Path]:
    """Return the folders that the packages are imported from: ours, and the plugin's."""
    folders: dict[Path, None] = {}
    for module in ("sage_kernel_api", *(thing[0] for thing in things if thing is not None)):
        top = import_module(module.partition(".")[0])
        file = getattr(top, "__file__", None)
        if file is not None:
            path = Path(file)
            folders[path.parents[1] if path.name == "__init__.py" else path.parent] = None
    return list(folders)


def _pyright(file: Path, sources: list[Path], places: dict[int, Claim]) -> Verdict:
    if not has_checker("pyright"):
        return Verdict("pyright", left_out="not installed; it finds what mypy lets pass")
    return _verdict(run_pyright(file, sources), places)


def _verdict(run: CheckerRun, places: dict[int, Claim]) -> Verdict:
    return Verdict(run.checker, tuple(_explained(run.messages, places)))


def _explained(messages: Iterable[tuple[int, str]], places: dict[int, Claim]) -> Iterator[str]:
    for line, message in messages:
        claim = places.get(line)
        what = "the factory" if claim is None else f"{claim.what} ({claim.protocol[1]})"
        lines = [f"{what}: {message}", *_to_write(message, claim)]
        yield "\n".join(lines)


def _to_write(message: str, claim: Claim | None) -> Iterator[str]:
    """Yield what to write for the members that are missing."""
    if claim is None:
        return
    module, name = claim.protocol
    protocol = getattr(import_module(module), name)
    missing = [found["name"] for found in _ABSENT.finditer(message)]
    for found in _MISSING.finditer(message):
        if found["protocol"] == name:
            missing += found["names"].replace(",", " ").split()
    for member in dict.fromkeys(missing):
        if template := member_template(protocol, member):
            yield f"write: {template}"
