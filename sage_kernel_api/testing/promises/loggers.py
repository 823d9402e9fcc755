"""Where log lines go, and where they do not.

Layer: testing. Promises of `LoggerFactory` and `Logger`.
"""

from __future__ import annotations

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.logging import Logger, LogLevel
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal, expect_error, expect_same
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench

_LEVELS: tuple[LogLevel, ...] = ("DEBUG", "INFO", "WARNING", "ERROR")
_BELOW: dict[str, tuple[LogLevel, str]] = {
    "debug below info": ("INFO", "debug"),
    "info below warning": ("WARNING", "info"),
    "warning below error": ("ERROR", "warning"),
}


@promise(Profile.CORE)
def a_logger_has_its_signatures(bench: Workbench) -> None:
    """What `get_logger` returns has the methods of `Logger`."""
    logger = bench.kernel.logger_factory.get_logger("count")

    expect_equal(list(compare_members(logger, Logger)), [], "Logger")


@promise(Profile.CORE)
def a_name_has_one_logger(bench: Workbench) -> None:
    """`get_logger` returns the same logger for a name each time."""
    loggers = bench.kernel.logger_factory

    expect_same(loggers.get_logger("count"), loggers.get_logger("count"), "the logger")


@promise(Profile.CORE, variants=_LEVELS)
def every_level_can_be_set(bench: Workbench, level: LogLevel) -> None:
    """`set_level` takes each of the four levels, and nothing goes to standard output."""
    bench.kernel.logger_factory.set_level(level)

    bench.kernel.logger_factory.get_logger("count").debug("%s lines", 2)


@promise(Profile.CORE, variants={"text": "LOUD", "lower case": "debug", "a number": 10})
def an_unknown_level_is_refused(bench: Workbench, level: LogLevel) -> None:
    """A level that is none of the four raises `ConfigurationError`; nothing changed."""
    loggers = bench.kernel.logger_factory
    loggers.set_level("ERROR")

    expect_error(ConfigurationError, loggers.set_level, level)

    loggers.get_logger("count").warning("%s", _Unprintable())


@promise(Profile.CORE, variants=_BELOW)
def an_unwritten_line_is_not_formatted(bench: Workbench, case: tuple[LogLevel, str]) -> None:
    """Arguments are not filled in unless the line is written."""
    level, method = case
    bench.kernel.logger_factory.set_level(level)

    getattr(bench.kernel.logger_factory.get_logger("count"), method)("%s", _Unprintable())


class _Unprintable:
    """Fails the test when somebody formats it."""

    def __str__(self) -> str:
        raise RuntimeError("a line below the level was formatted")
