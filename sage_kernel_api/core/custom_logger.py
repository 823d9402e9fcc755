"""Log lines to several places at once, under the name that SAGE programs use.

Layer: core. Built on the standard library's `logging`; touches no other logger.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, cast

from sage_kernel_api.core.arguments import check_name
from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.lifecycle import shorten_repr

__all__ = ["CustomLogger"]

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class CustomLogger:
    """A logger with its own outputs.

    Args:
        outputs: Pairs of a place and a level: ``("console", "INFO")`` writes to standard error,
            any other place is a file.
        name: Shown in each line.
        log_base_folder: Where files with relative paths go; made when needed.

    Raises:
        ConfigurationError: A level is unknown, or *outputs* are no pairs; nothing was opened.

    Example:
        >>> log = CustomLogger([], "pipeline")
        >>> log.info("started")
        >>> log.close()
    """

    def __init__(
        self,
        outputs: Sequence[tuple[str, str]] = (("console", "INFO"),),
        name: str = "sage",
        log_base_folder: str | PathLike[str] | None = None,
    ) -> None:
        check_name(name, "a logger")
        levels = [_level(level) for _, level in _pairs(outputs)]
        self.name = name
        # Not from logging.getLogger: that one would be shared by all who use the name.
        self._logger = logging.Logger(name, logging.DEBUG)
        for (place, _), level in zip(outputs, levels, strict=True):
            handler = _handler(place, log_base_folder)
            handler.setLevel(level)
            handler.setFormatter(logging.Formatter(_FORMAT))
            self._logger.addHandler(handler)

    def debug(self, msg: object, /, *args: object) -> None:
        """Write a line for those who look for a fault."""
        self._logger.debug(msg, *args)

    def info(self, msg: object, /, *args: object) -> None:
        """Write a line about the normal course."""
        self._logger.info(msg, *args)

    def warning(self, msg: object, /, *args: object) -> None:
        """Write a line about something that may be wrong."""
        self._logger.warning(msg, *args)

    def error(self, msg: object, /, *args: object) -> None:
        """Write a line about something that is wrong."""
        self._logger.error(msg, *args)

    def exception(self, msg: object, /, *args: object) -> None:
        """Write an error line with the exception that is being handled."""
        self._logger.exception(msg, *args)

    def close(self) -> None:
        """Close the files. Idempotent."""
        for handler in list(self._logger.handlers):
            self._logger.removeHandler(handler)
            handler.close()


def _pairs(outputs: Any) -> Sequence[tuple[str, str]]:
    is_sequence = isinstance(outputs, Sequence) and not isinstance(outputs, (str, bytes))
    if not is_sequence or not all(isinstance(one, tuple) and len(one) == 2 for one in outputs):
        raise ConfigurationError(
            'outputs= of a logger are pairs of a place and a level, as in [("console", "INFO")], '
            f"not {shorten_repr(outputs)}."
        )
    return cast("Sequence[tuple[str, str]]", outputs)


def _level(level: object) -> int:
    number = logging.getLevelNamesMapping().get(str(level).upper())
    if number is None:
        raise ConfigurationError(
            f"Log level {level!r} is unknown; it is one of DEBUG, INFO, WARNING, ERROR."
        )
    return number


def _handler(place: str, folder: str | PathLike[str] | None) -> logging.Handler:
    if place == "console":
        return logging.StreamHandler(sys.stderr)
    path = Path(folder or ".") / place
    path.parent.mkdir(parents=True, exist_ok=True)
    return logging.FileHandler(path, encoding="utf-8")
