"""State of functions and snapshots of jobs."""

from sage_kernel_api.storage.checkpoint_manager import CheckpointManager, CheckpointStatus
from sage_kernel_api.storage.keyed_state import KeyedStateStore
from sage_kernel_api.storage.state_manager import StateManager

__all__ = ["CheckpointManager", "CheckpointStatus", "KeyedStateStore", "StateManager"]
