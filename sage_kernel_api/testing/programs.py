"""A small program that shows a broken promise again, made from the test's own text.

Layer: testing.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from sage_kernel_api.testing.contract_test import ContractTest, tests_of
from sage_kernel_api.testing.kernel_source import KernelSource
from sage_kernel_api.testing.trial import Verdict, try_test

__all__ = ["program_for", "replay"]

_PROGRAM = '''"""Promise: {promise}

Run this file with Python. It ends with 0 if the kernel keeps the promise, and with 1 if not.
"""

{body}


if __name__ == "__main__":
    replay({function}, {kernel}{variant})
'''
_REPLAY = "from sage_kernel_api.testing import replay"


def program_for(test: ContractTest, source: KernelSource) -> str:
    """Return the text of a program that runs *test* on the kernel of *source*.

    It has the test's own function, and what that uses of its module; it imports the rest.
    """
    module = inspect.getmodule(test.function)
    assert module is not None, f"{test.test_id} belongs to no module"
    parts = _Parts(module)
    parts.take(test.function.__name__)
    imports, definitions = parts.texts()
    head = "\n".join(dict.fromkeys([*imports, _REPLAY, *source.imports]))
    future = "from __future__ import annotations"
    return _PROGRAM.format(
        promise=test.promise,
        body="\n\n\n".join([f"{future}\n\n{head}", *definitions]),
        function=test.function.__name__,
        kernel=source.expression,
        variant=f", variant={test.variant!r}" if test.variant else "",
    )


def replay(
    function: Callable[..., None], kernel: str | Callable[[], Any], *, variant: str = ""
) -> None:
    """Run one contract test, tell what came of it, and end the process.

    Args:
        function: Marked by `promise`.
        kernel: A spec string, or what makes a kernel.
        variant: Which variant, if there are several.

    Raises:
        SystemExit: Always: with 0 if the kernel keeps the promise, else with 1.
    """
    test = next(test for test in tests_of(function) if test.variant == variant)
    outcome = try_test(test, KernelSource.of(kernel))
    if outcome.verdict is Verdict.KEPT:
        sys.stdout.write(f"{test.test_id}: kept\n")
        raise SystemExit(0)
    sys.stderr.write(f"{test.test_id}: {outcome.verdict.value}: {outcome.message}\n")
    raise SystemExit(1)


class _Parts:
    """The top level of a module, and what of it a program needs."""

    def __init__(self, module: ModuleType) -> None:
        self._text = Path(inspect.getfile(module)).read_text(encoding="utf-8")
        self._statements = [
            node for node in ast.parse(self._text).body if not _is_future_or_doc(node)
        ]
        self._owners = {name: node for node in self._statements for name in _names_bound_by(node)}
        self._taken: dict[ast.stmt, set[str]] = {}

    def take(self, name: str) -> None:
        """Take the statement that binds *name*, and all that it uses."""
        node = self._owners.get(name)
        if node is None or name in self._taken.setdefault(node, set()):
            return
        is_new = not self._taken[node]
        self._taken[node].add(name)
        if is_new and not isinstance(node, (ast.Import, ast.ImportFrom)):
            for used in ast.walk(node):
                if isinstance(used, ast.Name):
                    self.take(used.id)
                elif isinstance(used, ast.Constant) and isinstance(used.value, str):
                    # An annotation may be written as text.
                    self.take(used.value)

    def texts(self) -> tuple[list[str], list[str]]:
        """Return imports and definitions, in the order of the module."""
        imports: list[str] = []
        definitions: list[str] = []
        for node in self._statements:
            taken = self._taken.get(node)
            if not taken:
                continue
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                kept = [one for one in node.names if (one.asname or one.name) in taken]
                imports.append(ast.unparse(_narrowed(node, kept)))
            else:
                definitions.append(self._source_of(node))
        return imports, definitions

    def _source_of(self, node: ast.stmt) -> str:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(one.lineno for one in decorators)])
        return "\n".join(self._text.splitlines()[first - 1 : node.end_lineno])


def _narrowed(
    node: ast.Import | ast.ImportFrom, names: list[ast.alias]
) -> ast.Import | ast.ImportFrom:
    if isinstance(node, ast.Import):
        return ast.Import(names)
    return ast.ImportFrom(node.module, names, node.level)


def _is_future_or_doc(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "__future__"
    return isinstance(node, ast.Expr)


def _names_bound_by(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (one.asname or one.name.partition(".")[0] for one in node.names)
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (one.id for one in node.targets if isinstance(one, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
