"""Loggers, as the contract sees them; not the standard library's `logging`."""

from sage_kernel_api.logging.logger_factory import Logger, LoggerFactory, LogLevel
from sage_kernel_api.logging.standard_loggers import StandardLoggerFactory

__all__ = ["LogLevel", "Logger", "LoggerFactory", "StandardLoggerFactory"]
