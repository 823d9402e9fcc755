"""Something behind the last record.

Layer: core.
"""

from __future__ import annotations

from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.values import Payload

__all__ = ["OnEndOperator"]


class OnEndOperator(BaseOperator):
    """Hands on all records, and behind the last one what the function returns."""

    kind = "on_end"

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Hand *data* on."""
        self.context.send_data(data)

    def finish(self) -> None:
        """Ask the function, once, and emit its items."""
        for item in self.function():
            self.context.send_data(item)
