"""What a context answers, as plain attributes that a test may set at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sage_kernel_api.context import ContextConfig, check_context_config
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_api.values import Payload

__all__ = ["MockFacts"]


@dataclass(slots=True)
class MockFacts:
    """The facts of one context; assign to change what it answers from now on.

    Example:
        >>> facts = MockFacts.from_config({"name": "count", "parallelism": 4})
        >>> facts.key = "a"
        >>> facts.name, facts.parallelism, facts.key
        ('count', 4, 'a')
    """

    name: str = "context"
    env_name: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    parallel_index: int = 0
    parallelism: int = 1
    is_source: bool = False
    key: Payload = None
    should_stop: bool = False
    event_time_us: int | None = None
    watermark_us: int = MIN_WATERMARK_US

    @property
    def label(self) -> str:
        """Return the name under which the journal knows the context: ``count``, ``count[2]``."""
        return self.name if self.parallelism == 1 else f"{self.name}[{self.parallel_index}]"

    @classmethod
    def from_config(cls, config: ContextConfig) -> MockFacts:
        """Check *config* and take over its entries.

        Raises:
            ConfigurationError: Entries are unknown or of a wrong type; all are listed.
        """
        return cls(**check_context_config(config))
