"""Run the tests on every supported Python: ``nox``, or ``nox -s tests-3.12``."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run all tests; further arguments go to pytest."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session(python="3.11")
def checks(session: nox.Session) -> None:
    """Run what else must hold: types, style, layers."""
    session.install("-e", ".[dev]")
    session.run("mypy", "--strict", "sage_kernel_api", "sage_kernel_default", "sage_kernel_mock")
    session.run("pyright")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")


@nox.session(python="3.11")
def coverage(session: nox.Session) -> None:
    """Measure branch coverage; fails below 95 % of either package."""
    session.install("-e", ".[dev]")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-p", "no:cacheprovider", *session.posargs)
    # The kit's own lines run with a kernel under it; of its profiles the plain tier runs one.
    kit = ("tests/conformance/test_kernels.py", "--slow", "-k", "mock")
    session.run("coverage", "run", "-m", "pytest", "-p", "no:cacheprovider", *kit)
    session.run("coverage", "combine", "-q")
    for package in ("sage_kernel_api", "sage_kernel_mock"):
        session.run("coverage", "report", f"--include={package}/*", "--fail-under=95")


@nox.session(python="3.11")
def mutation(session: nox.Session) -> None:
    """Change discovery, spec parsing and routing line by line, and see whether tests notice."""
    session.install("-e", ".[dev,mutation]")
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")
