"""What a kernel runs: one instance of one step, seen through a few small Protocols.

Layer: runnable. Knows values only; a kernel that knows this module knows every operator.

A kernel may treat every step alike and call `process` for each record. The better kernels
look at `kind`: for the kinds of the table below an operator is also a `FusibleRunnable`,
whose `call` may be called directly, which lets a kernel compile many steps into one loop.

=========== ============================== ==================================================
kind        ``call``                       what the kernel then does
=========== ============================== ==================================================
source      (see `SourceRunnable`)         polls it, forwards the records
map         ``f(value) -> value``          forwards the result (also None)
filter      ``f(value) -> object``         forwards *value* if the result is true
flatmap     ``f(value) -> iterable|None``  forwards what was collected (see `FlatMapRunnable`),
                                           then the items of the result
key_by      ``f(value) -> key``            forwards *value* under that key
assign_time ``f(value) -> int``            forwards *value* under that event time, and watermarks
                                           behind it (see `WatermarkRunnable`)
reduce      ``f(acc, value) -> acc``       keeps one ``acc`` per key (see `ReduceRunnable`),
                                           forwards it
sink        ``f(value) -> object``         nothing
async_map   none (see `AsyncRunnable`)     emits results when they are ready; or calls `process`
process     none                           calls `process`; so for every kind it does not know
=========== ============================== ==================================================
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from sage_kernel_api.values import Payload

__all__ = [
    "KIND_ASSIGN_TIME",
    "KIND_ASYNC_MAP",
    "KIND_FILTER",
    "KIND_FLATMAP",
    "KIND_KEY_BY",
    "KIND_MAP",
    "KIND_PROCESS",
    "KIND_REDUCE",
    "KIND_SINK",
    "KIND_SOURCE",
    "MAX_WATERMARK_US",
    "MIN_WATERMARK_US",
    "SOURCE_ENDED",
    "AsyncOutcome",
    "AsyncRunnable",
    "FlatMapRunnable",
    "FusibleRunnable",
    "ReduceRunnable",
    "ResumableAsyncRunnable",
    "Runnable",
    "SourcePoll",
    "SourceRunnable",
    "StatefulRunnable",
    "TimedRunnable",
    "TransactionalRunnable",
    "UpgradingRunnable",
    "WatermarkRunnable",
]

KIND_SOURCE: Final = "source"
KIND_MAP: Final = "map"
KIND_FILTER: Final = "filter"
KIND_FLATMAP: Final = "flatmap"
KIND_KEY_BY: Final = "key_by"
KIND_ASSIGN_TIME: Final = "assign_time"
KIND_REDUCE: Final = "reduce"
KIND_SINK: Final = "sink"
KIND_ASYNC_MAP: Final = "async_map"
KIND_PROCESS: Final = "process"

MIN_WATERMARK_US: Final = -(2**63)
"""The watermark before any other: nothing is known of event time yet."""
MAX_WATERMARK_US: Final = 2**63 - 1
"""The watermark behind all others: no record will come any more."""


class Runnable(Protocol):
    """One instance of one step, bound to the execution context it was made with.

    Life: made once, then ``open``, any number of ``process``, then ``finish`` (only if all
    inputs ended by themselves), then ``close`` (always, if ``open`` was called, also when it
    raised, and also after a failure or cancellation).

    Output goes through ``context.send_data``. Thread use: all calls come one after another,
    from the thread of the owning task.
    """

    @property
    @abstractmethod
    def kind(self) -> str:
        """Tell what sort of step this is: a kind of the module's table, or any other word."""

    @abstractmethod
    def open(self) -> None:
        """Get ready, before the first record. What it raises fails the job."""

    @abstractmethod
    def process(self, data: Payload, input_index: int = 0) -> None:
        """Take one record that arrived at input *input_index* (from 0).

        What it raises is the failure of this record; the step's error policy decides.
        """

    @abstractmethod
    def finish(self) -> None:
        """Emit what was held back: all inputs have ended. May call ``send_data``."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything that ``open`` took. Emits nothing."""


class FusibleRunnable(Runnable, Protocol):
    """A step whose work on one record is a single call.

    For these, calling ``process`` and doing what the module's table says with ``call`` are
    the same thing.
    """

    @property
    @abstractmethod
    def call(self) -> Callable[..., Payload]:
        """Return the function of the step; the same object for the whole life."""

    @property
    @abstractmethod
    def reads_key(self) -> bool:
        """Tell whether ``call`` may ask the context for the record's key.

        If False, a kernel need not set the current key before calling ``call``; ``process`` of a
        reduce needs it always. It does not change.
        """


class FlatMapRunnable(FusibleRunnable, Protocol):
    """A step of kind ``flatmap``."""

    @property
    @abstractmethod
    def collected(self) -> list[Payload]:
        """Return the list that the function's ``collect`` appends to.

        Always the same list. The kernel forwards and clears its items after each call, before
        the items of the result.
        """


class ReduceRunnable(FusibleRunnable, Protocol):
    """A step of kind ``reduce`` on a keyed stream."""

    @property
    @abstractmethod
    def table(self) -> MutableMapping[Payload, Payload]:
        """Return the accumulators by key: always the same table.

        The first record of a key becomes its accumulator and is forwarded as it is.
        """


@dataclass(frozen=True, slots=True)
class SourcePoll:
    """What a source had to give at one look.

    Attributes:
        records: The next records, in order; may be empty. Given away: a kernel may keep them, and
            may call ``clear()`` if they have such a method, also while it reads them.
        status: ``more``: ask again at once; ``idle``: nothing now, ask again after *wait_s*;
            ``ended``: *records* were the last ones.
        wait_s: Seconds that an idle source asks to be left alone; at least 0.
    """

    records: Sequence[Payload]
    status: Literal["more", "idle", "ended"] = "more"
    wait_s: float = 0.0


SOURCE_ENDED: Final = SourcePoll((), "ended")
"""The answer of a source that has ended and has no records left."""


class SourceRunnable(Runnable, Protocol):
    """A step of kind ``source``: it is asked, where others are fed; ``process`` is never called."""

    @abstractmethod
    def poll(self, limit: int) -> SourcePoll:
        """Return at most *limit* (at least 1) records.

        May block inside user code; must not wait for more records once it has one. After
        ``ended`` it is not called again. What it raises fails the source, and with it the
        job; records of earlier polls stay delivered.
        """


@dataclass(frozen=True, slots=True)
class AsyncOutcome:
    """How one record of an `AsyncRunnable` ended.

    Attributes:
        record: As it was given to ``process``.
        key: Its key; what is emitted for it is sent under this key (`NONE_KEY` for None).
        input_index: As it was given to ``process``; a kernel that keeps a ledger for each edge may
            give the number of the edge there.
        results: What to emit, in order; empty if it failed.
        error: Why it failed, after all repeated calls; None if it did not. The step's policy
            decides, but an error that is no `Exception` fails the job whatever the policy.
        attempts: How often the function was called with it.
    """

    record: Payload
    key: Payload
    input_index: int = 0
    results: Sequence[Payload] = ()
    error: BaseException | None = None
    attempts: int = 1


class AsyncRunnable(Runnable, Protocol):
    """A step of kind ``async_map``: its calls go on while the task does other things.

    A kernel that does not know this protocol treats the step like any other: ``process`` then
    waits while too many calls are under way and emits what is ready, ``finish`` waits for all,
    and the step carries out its own error policy.

    A kernel with a clock of its own may set the attribute ``host``, if there is one, before
    ``open``: it brings the event loop (see `core.operators.async_map.loop_host`).

    A kernel that knows it calls `set_waker` after ``open`` and from then on: calls ``process``
    only while there is `room`; emits what `drain` returns and applies the step's policy to what
    failed (``retry`` is done already: further calls are ``attempts - 1``, what is left is
    ``after_retries``); calls ``finish`` when all inputs have ended and `in_flight` is 0.
    """

    @abstractmethod
    def set_waker(self, wake: Callable[[], None]) -> None:
        """Set what is called when `drain` may have more to give; called once, after ``open``.

        *wake* must be quick, must not raise and is called from another thread, never after
        ``close`` has returned. A call before the kernel begins to wait must not be lost.
        """

    @abstractmethod
    def room(self) -> int:
        """Return how often ``process`` may be called now; only `drain` makes room again."""

    @abstractmethod
    def drain(self) -> Sequence[AsyncOutcome]:
        """Return the records that have ended since, in the order of emission; never waits."""

    @abstractmethod
    def in_flight(self) -> int:
        """Return how many records were given to ``process`` and not yet returned by `drain`."""


class ResumableAsyncRunnable(AsyncRunnable, Protocol):
    """An `AsyncRunnable` whose records can be part of a checkpoint."""

    @abstractmethod
    def pending(self) -> Sequence[AsyncOutcome]:
        """Return what `drain` has not returned yet, in the order in which it was given.

        Only ``record``, ``key`` and ``input_index`` count. After a restart these records are
        given to ``process`` again.
        """


class StatefulRunnable(Runnable, Protocol):
    """A step with state beside its keyed one: a source's position, a function's fields."""

    @property
    @abstractmethod
    def state_sharing(self) -> Literal["own", "all"]:
        """Tell what happens at a restore with another number of instances.

        ``own``: a state belongs to one instance; another parallelism is refused, unless all
        states are empty. ``all``: each new instance gets the states of all old ones, and takes
        its share.
        """

    @abstractmethod
    def snapshot_state(self) -> Mapping[str, Payload]:
        """Return the state between two records; the kernel encodes it before the next call.

        An entry whose name begins with an underscore may be lost if it cannot be encoded; any
        other such entry fails the job.
        """

    @abstractmethod
    def restore_state(self, states: Sequence[Mapping[str, Payload]]) -> None:
        """Take up state: at most once, after the step was made and before ``open``.

        Args:
            states: Under ``own`` the one of this instance; under ``all`` those of all old
                instances, by their index. Empty if an earlier attempt of the job left no state:
                the step begins anew, but the world around it may have changed.
        """


class UpgradingRunnable(Runnable, Protocol):
    """A step whose state has a version, and who makes older state fit."""

    @property
    @abstractmethod
    def state_version(self) -> int:
        """Return the version of the state that the step leaves, from 1.

        The kernel stores it with every snapshot, unless it is 1.

        Raises:
            StateError: The user's function says something else.
        """

    @abstractmethod
    def upgrade_state(self, version: int, state: Mapping[str, Payload]) -> Mapping[str, Payload]:
        """Return the state of one old instance as this version wants it, before `restore_state`.

        Raises:
            StateError: It is newer, or nobody upgrades it.
        """

    @abstractmethod
    def upgrade_table(
        self, version: int, table: str, rows: Mapping[Payload, Payload]
    ) -> Mapping[Payload, Payload]:
        """Return a keyed table as this version wants it; *rows* itself if nothing is to do.

        Raises:
            StateError: As `upgrade_state`.
        """


class TransactionalRunnable(Runnable, Protocol):
    """A step whose output becomes visible only together with a checkpoint.

    Two-phase commit: `pre_commit` votes, the durable checkpoint decides, `commit` carries out.
    A kernel that takes checkpoints calls `coordinate`, then `recover`, both before ``open``.
    Without `coordinate` the step commits in ``finish``, and throws away what it wrote if
    ``close`` comes without it.

    Source:
        Carbone et al. 2017, "State Management in Apache Flink", VLDB 10(12), section 4.3.
    """

    @abstractmethod
    def coordinate(self) -> None:
        """Take note that the kernel will commit."""

    @abstractmethod
    def recover(self, handles: Sequence[Payload]) -> None:
        """Commit these, whether or not that was done before; throw away all else.

        Args:
            handles: Of the checkpoint that the job begins with: those of this instance, or if
                there are not as many as before, those of all; empty for a new beginning. What
                was written since by earlier attempts belongs to no checkpoint, and goes.
        """

    @abstractmethod
    def pre_commit(self, epoch: int) -> Payload:
        """Make durable, not visible, what came since the last call; a new transaction begins.

        Returns:
            A handle, which goes into the checkpoint; None if nothing came.
        """

    @abstractmethod
    def commit(self, handle: Payload) -> None:
        """Make visible: the checkpoint with *handle* is durable. Doing so twice is harmless."""


class WatermarkRunnable(FusibleRunnable, Protocol):
    """A step of kind ``assign_time``: gives records their event time, and tells how far time is.

    Event times are whole microseconds since 1970 (UTC), exact and comparable everywhere.
    """

    @abstractmethod
    def watermark_us(self) -> int | None:
        """Return the event time that is over, after the records so far; None: nothing is known.

        Records with that time or an earlier one are late from now on. Never goes back. A kernel
        asks between records, as often as it likes (once per frame), and sends what it is told
        behind the records of which it was told.
        """

    @property
    @abstractmethod
    def idle_after_s(self) -> float | None:
        """Return after how many seconds without a record others need not wait for this instance.

        None: they always wait. The next record ends the idleness.
        """


class TimedRunnable(Runnable, Protocol):
    """A step, of any kind, that acts when time has come: event time, processing time, or both.

    What it sends in these calls goes out under the key that it sets in the context's keyed state,
    and under the event time that it sets in the context (see `SupportsEventTime`).
    """

    @abstractmethod
    def on_watermark(self, watermark_us: int) -> None:
        """Act on event time having reached *watermark_us*; may send.

        Called between records whenever the minimum over the inputs has grown, those left out that
        have ended or are idle; after the records that came before it at each input. Once more with
        `MAX_WATERMARK_US` when all inputs have ended, before ``finish``. What it sends goes before
        the watermark.
        """

    @abstractmethod
    def next_due_us(self) -> int | None:
        """Return the time of the earliest processing-time timer; None for none.

        In microseconds since 1970 by the clock of `SupportsEventTime.processing_time_us`.
        """

    @abstractmethod
    def on_processing_time(self, now_us: int) -> None:
        """Act on the clock having reached *now_us*; called between records; may send.

        Called soon after `next_due_us`, never before it. After the last input has ended, it need
        not be called any more.
        """
