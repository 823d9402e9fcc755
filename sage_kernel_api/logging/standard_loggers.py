"""Loggers of the standard library, handed out as the contract asks: for any kernel to use.

Layer: logging.
"""

from __future__ import annotations

import logging
from typing import get_args

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.logging.logger_factory import Logger, LogLevel

__all__ = ["StandardLoggerFactory"]


class StandardLoggerFactory:
    """Hand out the children of one logger; handlers are left to the program.

    Args:
        root: Name of that logger, as in ``sage_kernel.mock``.

    Example:
        >>> StandardLoggerFactory("sage_kernel.mock").get_logger("count")
        <Logger sage_kernel.mock.count (WARNING)>
    """

    def __init__(self, root: str) -> None:
        self._root = logging.getLogger(root)

    def get_logger(self, name: str) -> Logger:
        """Return the child of that name, without one the root; the same one each time."""
        return self._root.getChild(name) if name else self._root

    def set_level(self, level: LogLevel) -> None:
        """Set the least level that is written.

        Raises:
            ConfigurationError: *level* is none of the four; nothing changed.
        """
        if level not in get_args(LogLevel):
            raise ConfigurationError(
                f"Log level {level!r} is unknown; it is one of {', '.join(get_args(LogLevel))}."
            )
        self._root.setLevel(level)
