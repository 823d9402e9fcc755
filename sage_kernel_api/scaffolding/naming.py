"""From the name that a user gives to all the names of a project.

Layer: scaffolding. Pure.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import Final

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.plugins.names import RESERVED_NAMES

__all__ = ["ProjectNames"]

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class ProjectNames:
    """The names of one project.

    Attributes:
        name: What users say.
        distribution: What they install.
        package: What they import.
        module: *name*, as part of a Python name.
        class_name: *name*, as the begin of a class name.
    """

    name: str
    distribution: str
    package: str
    module: str
    class_name: str

    @classmethod
    def of_kernel(cls, name: str) -> ProjectNames:
        """Name the project of a kernel.

        Raises:
            ConfigurationError: *name* cannot be a kernel's, or is that of a built-in one.

        Example:
            >>> names = ProjectNames.of_kernel("fast-lane")
            >>> names.distribution, names.package, names.class_name
            ('sage-kernel-fast-lane', 'sage_kernel_fast_lane', 'FastLane')
        """
        _check(name)
        if name in RESERVED_NAMES:
            raise ConfigurationError(
                f"The name {name!r} belongs to a built-in kernel; choose another one."
            )
        return cls._of(name, f"sage-kernel-{name}")

    @classmethod
    def of_pipeline(cls, name: str) -> ProjectNames:
        """Name the project of a pipeline.

        Raises:
            ConfigurationError: *name* cannot be a package's.
        """
        _check(name)
        return cls._of(name, name)

    @classmethod
    def _of(cls, name: str, distribution: str) -> ProjectNames:
        module = name.replace("-", "_")
        class_name = "".join(part.capitalize() for part in module.split("_"))
        return cls(name, distribution, distribution.replace("-", "_"), module, class_name)


def _check(name: str) -> None:
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot name a project: write at most {_LONGEST} lower-case letters, digits "
            "and single hyphens, beginning with a letter, as in fast-lane."
        )
    if keyword.iskeyword(name) or name in ("sage-kernel", "sage_kernel", "tests"):
        raise ConfigurationError(f"{name!r} means something else already; choose another name.")
