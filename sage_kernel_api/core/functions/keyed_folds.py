"""The functions behind ``count`` and ``distinct``.

Layer: core.
"""

from __future__ import annotations

from sage_kernel_api.core.functions.element_functions import FilterFunction
from sage_kernel_api.core.functions.keyed_state import ValueState
from sage_kernel_api.core.functions.window_functions import AggregateFunction

__all__ = ["CountFunction", "FirstOfKeyFunction"]


class CountFunction(AggregateFunction[object, int, int]):
    """How many records there were; for windows, too.

    Example:
        >>> from sage_kernel_api import LocalEnvironment, TumblingCountWindows
        >>> words = LocalEnvironment(kernel="mock").from_collection("aab").keyby(lambda c: c)
        >>> words.window(TumblingCountWindows(2)).aggregate(CountFunction).execute_and_collect()
        [2]
    """

    def create_accumulator(self) -> int:
        """Return 0."""
        return 0

    def add(self, value: object, accumulator: int) -> int:
        """Count one more."""
        return accumulator + 1

    def merge(self, one: int, other: int) -> int:
        """Return the sum."""
        return one + other

    def get_result(self, accumulator: int) -> int:
        """Return the count."""
        return accumulator


class FirstOfKeyFunction(FilterFunction[object]):
    """Lets pass the first record of each key."""

    _seen = ValueState(False)

    def execute(self, data: object) -> bool:
        """Tell whether the key is new."""
        if self._seen.get():
            return False
        self._seen.set(True)
        return True
