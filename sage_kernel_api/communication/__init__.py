"""How records travel between tasks."""

from sage_kernel_api.communication.custom_routing import choose_receiver
from sage_kernel_api.communication.data_transport import DataTransport
from sage_kernel_api.communication.key_groups import (
    KEY_GROUPS,
    key_group,
    key_groups,
    owned_groups,
    owner_of,
)
from sage_kernel_api.communication.message_router import MessageRouter
from sage_kernel_api.communication.plain_transport import PlainTransport
from sage_kernel_api.communication.queue_manager import Queue, QueueManager, QueueStatus

__all__ = [
    "KEY_GROUPS",
    "DataTransport",
    "MessageRouter",
    "PlainTransport",
    "Queue",
    "QueueManager",
    "QueueStatus",
    "choose_receiver",
    "key_group",
    "key_groups",
    "owned_groups",
    "owner_of",
]
