"""What a kernel can do, as names that jobs ask for and kernels declare.

Layer: values.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["API_VERSION", "Capability"]

API_VERSION: Final = "1.0"
"""``MAJOR.MINOR`` of this contract. A kernel fits if its major is equal and its minor not newer."""


class Capability(StrEnum):
    """One thing that a pipeline may need and a kernel may lack.

    A kernel declares a set of them. What a job needs is computed from its graph and compared
    before anything runs, and the conformance kit tests exactly what is declared. Moving
    records from sources through steps to sinks, in order, needs no capability: every kernel
    does that.
    """

    PARALLELISM = "parallelism"
    """Steps with more than one instance; round-robin distribution between them."""
    KEYED_ROUTING = "keyed-routing"
    """All records of one key meet at one instance, in order; the key groups of the contract."""
    BROADCAST = "broadcast"
    """Every instance of a step gets every record."""
    CUSTOM_ROUTING = "custom-routing"
    """A function of the user chooses the instance that gets a record."""
    FEEDBACK = "feedback"
    """A stream may flow back to an earlier step; the loop ends by itself when it is dry."""
    BACKGROUND_JOBS = "background-jobs"
    """`submit_job` returns while the job runs; it can be waited for and cancelled."""
    UNBOUNDED_SOURCES = "unbounded-sources"
    """Sources that never end by themselves."""
    PAUSE = "pause"
    """Jobs can be paused and resumed."""
    SERVICES = "services"
    """Named services callable from functions and from other services, with deadlines."""
    STATE = "state"
    """Values that a function saves and loads by name, for as long as the job lives."""
    KEYED_STATE = "keyed-state"
    """Values kept per key, at hand for the record that is being processed."""
    SIDE_OUTPUTS = "side-outputs"
    """A step may have named outputs beside its main one."""
    ERROR_POLICIES = "error-policies"
    """Per-step choice of what a failing record does: fail, skip, dead letter, retry."""
    TASKS = "tasks"
    """The running tasks can be listed with their counters."""
    EXPLAIN = "explain"
    """How a job would run can be shown without running it: chains, lanes, channels."""
    QUEUES = "queues"
    """Named bounded queues can be made and inspected."""
    PROCESS_LANES = "process-lanes"
    """Steps can run in processes of their own."""
    ASYNC_MAP = "async-map"
    """Asynchronous functions with bounded concurrency inside a step."""
    CHECKPOINTS = "checkpoints"
    """Automatic consistent snapshots, and recovery from them."""
    SAVEPOINTS = "savepoints"
    """Portable snapshots that another kernel can restore."""
    EXACTLY_ONCE_SINKS = "exactly-once-sinks"
    """Sinks whose output commits together with the checkpoint."""
    EVENT_TIME = "event-time"
    """Records carry event times; watermarks flow with them."""
    TIMERS = "timers"
    """Functions can ask to be called at a time."""
    DISTRIBUTED = "distributed"
    """Tasks run on more than one machine."""
