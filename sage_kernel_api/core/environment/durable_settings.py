"""The part of an environment that says how its job survives.

Layer: core.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Self, get_args

from sage_kernel_api.core.restart_strategies import RestartStrategy
from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.lifecycle import CheckpointConfig, PipelineConfig, RestartConfig, shorten_repr

__all__ = ["DurableSettings"]


class DurableSettings:
    """Checkpoints and restarts, as they are described; the kernel's door checks the numbers."""

    _checkpointing: CheckpointConfig | None = None
    _restart: RestartConfig | None = None
    _restore_from: str | None = None
    _allow_dropped: tuple[str, ...] = ()

    def enable_checkpointing(
        self,
        interval_s: float,
        directory: str | PathLike[str],
        *,
        timeout_s: float | None = None,
        retain: int | None = None,
        min_pause_s: float | None = None,
        pickle_key: bytes | None = None,
    ) -> Self:
        """Have the job take consistent checkpoints; returns itself.

        State, positions of sources and transactions of sinks are stored together. A program that
        is started again with the same environment name and *directory* goes on where its last
        checkpoint is; if its job had ended by itself, it does nothing.

        Args:
            interval_s: Seconds from the begin of one to the begin of the next.
            directory: Where they are kept, on a local disk; made if missing. One directory serves
                any number of jobs, told apart by their names.
            timeout_s: A checkpoint that takes longer is given up on; default 60.
            retain: How many of the latest are kept; default 1.
            min_pause_s: Least time between the end of one and the begin of the next; default 0.
            pickle_key: A secret of at least 16 bytes, the same at each start: what the safe format
                does not know is pickled and signed with it. None: that is refused.

        Raises:
            ConfigurationError: *directory* is no path.

        Example:
            >>> import tempfile
            >>> from sage_kernel_api import LocalEnvironment
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     with LocalEnvironment("sum", kernel="default") as env:
            ...         stream = env.enable_checkpointing(1.0, directory).from_collection([1, 2])
            ...         stream.map(lambda x: x + 1).execute_and_collect()
            [2, 3]
        """
        try:
            path = os.fsdecode(directory)
        except TypeError:
            raise ConfigurationError(
                f"directory is the path of a directory, not {shorten_repr(directory)}."
            ) from None
        config: CheckpointConfig = {
            "interval_s": interval_s,
            "directory": str(Path(path).absolute()),
        }
        if timeout_s is not None:
            config["timeout_s"] = timeout_s
        if retain is not None:
            config["retain"] = retain
        if min_pause_s is not None:
            config["min_pause_s"] = min_pause_s
        if pickle_key is not None:
            config["pickle_key"] = pickle_key
        self._checkpointing = config
        return self

    def set_restart_strategy(self, strategy: RestartStrategy) -> Self:
        """Say what happens when the job fails; returns itself. Needs `enable_checkpointing`.

        Args:
            strategy: `NoRestart` (the default), `FixedDelay`, `ExponentialDelay` or `FailureRate`.

        Raises:
            ConfigurationError: It is none of these.
        """
        if not isinstance(strategy, get_args(RestartStrategy)):
            known = ", ".join(kind.__name__ for kind in get_args(RestartStrategy))
            raise ConfigurationError(
                f"A restart strategy is one of {known}, not {shorten_repr(strategy)}."
            )
        self._restart = strategy.config
        return self

    def _begin_with(
        self, restore_from: str | PathLike[str] | None, allow_dropped_state: Iterable[str]
    ) -> None:
        """Remember what `submit` was told.

        Raises:
            ConfigurationError: *restore_from* is no path, or *allow_dropped_state* one text.
        """
        if restore_from is not None and not isinstance(restore_from, (str, os.PathLike)):
            raise ConfigurationError(
                f"restore_from= takes a path, not {shorten_repr(restore_from)}."
            )
        if isinstance(allow_dropped_state, str):
            raise ConfigurationError(
                f"allow_dropped_state= takes a list of names; write [{allow_dropped_state!r}]."
            )
        self._restore_from = None if restore_from is None else str(Path(restore_from).absolute())
        self._allow_dropped = tuple(allow_dropped_state)

    @property
    def takes_checkpoints(self) -> bool:
        """True after `enable_checkpointing`."""
        return self._checkpointing is not None

    def add_durability(self, config: PipelineConfig) -> None:
        """Add what was said to the description of the job."""
        if self._checkpointing is not None:
            config["checkpointing"] = self._checkpointing
        if self._restart is not None:
            config["restart"] = self._restart
        if self._restore_from is not None:
            config["restore_from"] = self._restore_from
        if self._allow_dropped:
            config["allow_dropped_state"] = list(self._allow_dropped)
