"""Loggers below ``sage_kernel``: no handler anywhere, nothing on standard output."""

from __future__ import annotations

import logging

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.logging import LoggerFactory, LogLevel

__all__ = ["StandardLoggerFactory"]

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class StandardLoggerFactory(LoggerFactory):
    """Hand out loggers of the standard library, named ``sage_kernel.NAME``."""

    def get_logger(self, name: str) -> logging.Logger:
        """Return the logger of that name; the same one each time."""
        return logging.getLogger(f"sage_kernel.{name}" if name else "sage_kernel")

    def set_level(self, level: LogLevel) -> None:
        """Set the least level that this kernel's loggers write."""
        if level not in _LEVELS:
            raise ConfigurationError(f"Log level {level!r} is none of {', '.join(_LEVELS)}.")
        logging.getLogger("sage_kernel").setLevel(level)
