"""Instances of a source beside each other, stopped and gone on with, as a kernel would do it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, get_origin

import msgspec

from sage_kernel_api.core.operators import BlockSourceOperator
from sage_kernel_mock import MockKernelFacade

__all__ = ["Run"]


class Run:
    """One run of a source with several instances, begun anew or with the states of another run."""

    def __init__(
        self,
        source: partial[Any],
        parallelism: int = 1,
        states: Sequence[Any] = (),
    ) -> None:
        kernel = MockKernelFacade()
        self.operators: list[BlockSourceOperator] = []
        self.ended: set[int] = set()
        try:
            for index in range(parallelism):
                context = kernel.create_execution_context(
                    {"name": "source", "parallel_index": index, "parallelism": parallelism}
                )
                # JsonLinesSource[int] is an alias of the class, for type checkers.
                made_of = get_origin(source.func) or source.func
                operator = BlockSourceOperator(context, made_of, *source.args, **source.keywords)
                self.operators.append(operator)
                if states:
                    is_same = len(states) == parallelism
                    operator.restore_state(states[index : index + 1] if is_same else states)
                operator.open()
        except BaseException:
            self.close()
            raise
        finally:
            kernel.shutdown()

    def poll(self, index: int = 0, limit: int = 100) -> list[Any]:
        """Return what one instance gives at one look."""
        if index in self.ended:
            return []
        answer = self.operators[index].poll(limit)
        assert len(answer.records) <= limit
        if answer.status == "ended":
            self.ended.add(index)
        return list(answer.records)

    def rest(self, limit: int = 100) -> list[Any]:
        """Return all that is left, until every instance has ended."""
        records: list[Any] = []
        while len(self.ended) < len(self.operators):
            for index in range(len(self.operators)):
                records += self.poll(index, limit)
        self.close()
        return records

    def stop(self) -> list[Any]:
        """Close the instances and return their states, encoded and decoded."""
        states = [operator.snapshot_state() for operator in self.operators]
        self.close()
        decoded: list[Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(states))
        return decoded

    def close(self) -> None:
        for operator in self.operators:
            operator.close()
