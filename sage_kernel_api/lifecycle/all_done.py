"""Do several things whatever becomes of the others: for kernels, when they close what they opened.

Layer: lifecycle. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["do_all"]


def do_all(acts: Iterable[Callable[[], object]]) -> None:
    """Do every act, in order, also after one has failed.

    Args:
        acts: What to do; drawn one by one, so that a later one may depend on an earlier one.

    Raises:
        BaseException: What the first failing act raised, once all are done. Later failures are
            notes on it: nothing is swallowed.

    Example:
        >>> do_all([lambda: print("one"), lambda: 1 // 0, lambda: print("three")])
        Traceback (most recent call last):
        ZeroDivisionError: integer division or modulo by zero
    """
    failures: list[BaseException] = []
    for act in acts:
        try:
            act()
        except BaseException as failure:  # noqa: BLE001 - raised below, once all are done
            failures.append(failure)
    for late in failures[1:]:
        failures[0].add_note(f"Also: {late}")
    if failures:
        raise failures[0]
