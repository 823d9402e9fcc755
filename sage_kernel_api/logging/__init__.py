"""Loggers, as the contract sees them. (Not the standard library's `logging`.)"""

from sage_kernel_api.logging.logger_factory import Logger, LoggerFactory, LogLevel

__all__ = ["LogLevel", "Logger", "LoggerFactory"]
