"""Values kept by key, one table per declared state.

Layer: storage. Implemented by kernels with `Capability.KEYED_STATE`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import MutableMapping
from typing import Protocol

from sage_kernel_api.values import Payload

__all__ = ["KeyedStateStore"]


class KeyedStateStore(Protocol):
    """The keyed state of one step instance, owned by the kernel.

    The kernel routes all records of a key to one instance, so a key has its values in one
    table only, and may move them, by key group, to another instance at a restart.
    Thread use: the owning task's thread.
    """

    @property
    @abstractmethod
    def key(self) -> Payload:
        """Return the key of the record that is being processed; None between records.

        An operator sets it while it works for a key apart from a record, as for a timer, and
        sets it back to None afterwards.
        """

    @key.setter
    @abstractmethod
    def key(self, key: Payload) -> None: ...

    @abstractmethod
    def table(self, name: str) -> MutableMapping[Payload, Payload]:
        """Return the table of the state *name* by key; the same object at every call.

        Empty at first. Values are kept by reference. A value that was changed in place is
        assigned again, which is how a kernel notices the change. An assignment is done when
        it returns; it is not undone when the record fails later.
        """
