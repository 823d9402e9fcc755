"""Where log lines go.

Layer: logging. The seed names this module and leaves it empty; the interface is ours.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, Protocol, TypeAlias

__all__ = ["LogLevel", "Logger", "LoggerFactory"]

LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Logger(Protocol):
    """The part of `logging.Logger` that functions and kernels use; any thread may use it.

    *msg* is a ``%``-format for *args*, which is not filled in unless the line is written.
    """

    @abstractmethod
    def debug(self, msg: object, /, *args: object) -> None:
        """Write a line for those who look for a fault."""

    @abstractmethod
    def info(self, msg: object, /, *args: object) -> None:
        """Write a line about the normal course."""

    @abstractmethod
    def warning(self, msg: object, /, *args: object) -> None:
        """Write a line about something that may be wrong."""

    @abstractmethod
    def error(self, msg: object, /, *args: object) -> None:
        """Write a line about something that is wrong."""

    @abstractmethod
    def exception(self, msg: object, /, *args: object) -> None:
        """Write an error line with the exception that is being handled."""


class LoggerFactory(Protocol):
    """Hand out loggers. Any thread may use it.

    No handler is ever put on the root logger, and nothing goes to standard output.
    """

    @abstractmethod
    def get_logger(self, name: str) -> Logger:
        """Return the logger of that name; the same one each time."""

    @abstractmethod
    def set_level(self, level: LogLevel) -> None:
        """Set the least level that this kernel's loggers write.

        Raises:
            ConfigurationError: *level* is none of the four; nothing changed.
        """
