"""The part of the door check that looks at checkpoints, restarts and savepoints.

Layer: lifecycle. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from os.path import isabs
from typing import Any, Final

__all__ = ["durability_problems"]

_SHORTEST_S: Final = 0.001
_LEAST_KEY_BYTES: Final = 16

_NUMBERS: Final[dict[str, dict[str, float]]] = {
    "none": {},
    "fixed_delay": {"attempts": 0, "delay_s": 0},
    "exponential": {
        "attempts": 0,
        "initial_s": 0,
        "factor": 1,
        "max_s": 0,
        "reset_after_s": 0,
    },
    "failure_rate": {"failures": 0, "interval_s": 0, "delay_s": 0},
}
"""The entries of each kind of restart, and the least that they may be."""
_WHOLE: Final = ("attempts", "failures")


def durability_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line for each thing that is wrong with what the job says of its durability."""
    if "checkpointing" in config:
        yield from _checkpointing_problems(config["checkpointing"])
    if "restart" in config:
        yield from _restart_problems(config["restart"])
        if "checkpointing" not in config:
            yield (
                "restart: a job is restarted from its last checkpoint, and this one takes none; "
                "enable_checkpointing(...) first"
            )
    if "restore_from" in config and not isinstance(config["restore_from"], str):
        yield f"restore_from is the path of a savepoint, not {config['restore_from']!r}"
    if "restore_from" in config and "checkpointing" not in config:
        yield (
            "restore_from: a job that begins with a savepoint takes checkpoints, or a failure "
            "would lose that state; enable_checkpointing(...) first"
        )
    dropped = config.get("allow_dropped_state", [])
    if not isinstance(dropped, list) or not all(isinstance(one, str) for one in dropped):
        yield f"allow_dropped_state is a list of str, not {dropped!r}"


def _checkpointing_problems(given: Any) -> Iterator[str]:
    if not isinstance(given, Mapping):
        yield f"checkpointing is a mapping, not {type(given).__name__}"
        return
    known = ("interval_s", "directory", "timeout_s", "retain", "min_pause_s", "pickle_key")
    yield from _unknown(given, known, "checkpointing")
    directory = given.get("directory")
    if not isinstance(directory, str) or not isabs(directory) or "\0" in directory:
        yield f"checkpointing: directory is an absolute path, not {directory!r}"
    for name, least in (("interval_s", _SHORTEST_S), ("timeout_s", _SHORTEST_S)):
        if name in given or name == "interval_s":
            yield from _number(given.get(name), f"checkpointing: {name}", least)
    if "min_pause_s" in given:
        yield from _number(given["min_pause_s"], "checkpointing: min_pause_s", 0)
    if "retain" in given:
        yield from _number(given["retain"], "checkpointing: retain", 1, is_whole=True)
    key = given.get("pickle_key", b"\0" * _LEAST_KEY_BYTES)
    if not isinstance(key, bytes) or len(key) < _LEAST_KEY_BYTES:
        # Not shown: it is a secret.
        yield f"checkpointing: pickle_key is at least {_LEAST_KEY_BYTES} bytes"


def _restart_problems(given: Any) -> Iterator[str]:
    if not isinstance(given, Mapping):
        yield f"restart is a mapping, not {type(given).__name__}"
        return
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in _NUMBERS:
        yield f"restart: kind is {kind!r}; known: {', '.join(_NUMBERS)}"
        return
    numbers = _NUMBERS[kind]
    yield from _unknown(given, ("kind", *numbers), f"restart ({kind})")
    for name, least in numbers.items():
        if name in given:
            yield from _number(given[name], f"restart: {name}", least, is_whole=name in _WHOLE)


def _unknown(given: Mapping[Any, Any], known: tuple[str, ...], where: str) -> Iterator[str]:
    for name in given:
        if name not in known:
            yield f"{where}: {name!r} is unknown; known: {', '.join(known)}"


def _number(value: Any, where: str, least: float, *, is_whole: bool = False) -> Iterator[str]:
    kinds = (int,) if is_whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not isfinite(value):
        yield f"{where} is a {'whole ' if is_whole else ''}number, not {value!r}"
    elif value < least:
        yield f"{where} is at least {least:g}, not {value!r}"
