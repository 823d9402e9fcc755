"""Spread the records of one edge over the channels to the instances downstream.

Layer: engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Final

from sage_kernel_api.communication import choose_receiver, key_group, owner_of
from sage_kernel_api.errors import KeyEncodingError
from sage_kernel_api.lifecycle import blame_record
from sage_kernel_api.values import PartitionStrategy, Payload
from sage_kernel_default.engine.marks import Mark
from sage_kernel_default.engine.ports import Channel, Frame
from sage_kernel_default.engine.segments import Router, Share, Time
from sage_kernel_default.engine.tally import EdgeCounters
from sage_kernel_default.engine.termination import LoopMonitor
from sage_kernel_default.plan import Edge

__all__ = ["Outlet", "least_fitting"]

_CACHED_KEYS: Final = 65_536


class Outlet:
    """The sending side of one edge: a buffer in front of one channel per receiver.

    Where records have event times, record and time are spread as one pair, and parted again when
    they are put into a frame: so edges without times pay nothing for those with.
    """

    def __init__(
        self,
        edge: Edge,
        channels: Sequence[Channel],
        ledger: EdgeCounters,
        loop: LoopMonitor | None,
    ) -> None:
        """Args: loop: The loop that this edge closes, if it closes one."""
        self.edge = edge
        self._ledger = ledger
        self._loop = loop
        self.channels = tuple(channels)
        self.values: list[Payload] = []
        self.keys: list[Payload] = []
        self.times: list[Time] = []
        self.is_keyed = edge.is_keyed
        self.is_timed = edge.is_timed
        self._turn = 0
        self.routes: dict[Payload, Share] = {}
        self._shares: list[Share] = [([], []) for _ in channels]
        spread: dict[PartitionStrategy, Callable[[list[Payload], list[Payload]], None]] = {
            "forward": self._forward,
            "broadcast": self._broadcast,
            "round_robin": self._round_robin,
            "hash": self._by_key,
            "custom": self._by_choice,
        }
        self._spread = spread
        self._usual = spread["forward" if len(self.channels) == 1 else edge.strategy]

    @property
    def router(self) -> Router | None:
        """Return itself if its loops may sort records by key, in place of `flush`."""
        by_key = self._usual == self._by_key and self.is_keyed and not self.is_timed
        return self if by_key and self._loop is None else None

    @property
    def fitting(self) -> int | None:
        """Return how many records a frame should have at most; see `Channel`."""
        return least_fitting(self.channels)

    @property
    def is_full(self) -> bool:
        """True if some receiver has no room."""
        for channel in self.channels:  # noqa: SIM110 - a loop takes a third of what any() does
            if channel.is_full:
                return True
        return False

    def flush(self) -> None:
        """Send what was collected.

        A step that emits into its loop while it finishes, after the loop ran dry, finds the
        edge closed: nobody could process these records. They are counted as dropped.
        """
        self._put_shares()
        if not self.values:
            return
        values, keys = self.values[:], self.keys[:]
        self.values.clear()
        self.keys.clear()
        if self.is_timed:
            values = list(zip(values, self.times, strict=True))
            self.times.clear()
        if self._loop is not None and self._loop.is_dry:
            self._ledger.refused += len(values)
        else:
            self._usual(values, keys)

    def send_one(
        self, value: Payload, key: Payload, time_us: Time, strategy: PartitionStrategy
    ) -> None:
        """Send one record, after all before it, with a strategy of its own."""
        self.flush()
        record = (value, time_us) if self.is_timed else value
        self._spread[strategy]([record], [key] if self.is_keyed else [])

    def put_mark(self, mark: Mark) -> None:
        """Send a mark to every receiver, behind all records so far."""
        self.flush()
        for channel in self.channels:
            channel.put_mark(mark)

    def close(self) -> None:
        """Send what is left and end the channels."""
        self.flush()
        for channel in self.channels:
            channel.end()

    def _forward(self, values: list[Payload], keys: list[Payload]) -> None:
        self.channels[0].put(self._frame(values, keys))

    def _broadcast(self, values: list[Payload], keys: list[Payload]) -> None:
        frame = self._frame(values, keys)
        for channel in self.channels:
            # Each reader gets its own list: a cancelled one empties it.
            channel.put(Frame(frame.values[:], frame.keys, frame.times))

    def _round_robin(self, values: list[Payload], keys: list[Payload]) -> None:
        width, turn = len(self.channels), self._turn
        for target, channel in enumerate(self.channels):
            share = values[(target - turn) % width :: width]
            if share:
                share_keys = keys[(target - turn) % width :: width] if self.is_keyed else []
                channel.put(self._frame(share, share_keys))
        self._turn = (turn + len(values)) % width

    def _by_choice(self, values: list[Payload], keys: list[Payload]) -> None:
        partitioner = self.edge.partitioner
        width, is_timed = len(self.channels), self.is_timed
        for value, key in zip(values, keys or repeat(None), strict=False):
            record = value[0] if is_timed else value
            try:
                share = self._shares[choose_receiver(partitioner, record, width)]
            except Exception as error:
                blame_record(error, record)
                raise
            share[0].append(value)
            share[1].append(key)
        self._put_shares()

    def _by_key(self, values: list[Payload], keys: list[Payload]) -> None:
        routes = self.routes
        for value, key in zip(values, keys or repeat(None), strict=False):
            try:
                share = routes[key]
            except (KeyError, TypeError):  # not seen yet, or not hashable and refused below
                share = self.find(key, value)
            share[0].append(value)
            share[1].append(key)
        self._put_shares()

    def _put_shares(self) -> None:
        for channel, (values, keys) in zip(self.channels, self._shares, strict=True):
            if values:
                # Copied, not exchanged: routes lead to these very lists.
                channel.put(self._frame(values[:], keys[:]))
                values.clear()
                keys.clear()

    def _frame(self, values: list[Payload], keys: list[Payload]) -> Frame:
        times = None
        if self.is_timed:
            values, times = (list(column) for column in zip(*values, strict=True))
        return Frame(values, keys if self.is_keyed else None, times)

    def find(self, key: Payload, value: Payload) -> Share:
        """Return where records of that key go; see `Router`."""
        try:
            owner = owner_of(key_group(key), len(self.channels))
        except KeyEncodingError as error:
            blame_record(error, value[0] if self.is_timed else value)
            raise
        if len(self.routes) >= _CACHED_KEYS:
            self.routes.clear()
        self.routes[key] = share = self._shares[owner]
        return share


def least_fitting(ends: Iterable[Channel | Outlet]) -> int | None:
    """Return how many records a frame for all of *ends* should have at most; None for any."""
    least = None
    for end in ends:
        fits = end.fitting
        if fits is not None and (least is None or fits < least):
            least = fits
    return least
