"""Kernels that keep state wrongly."""

from __future__ import annotations

from typing import Any

from sage_kernel_api.errors import StateError
from sage_kernel_api.values import Capability
from tests.conformance.wrong_kernels.faults import fault, mock_kernel


def _with_state(spoil: Any) -> Any:
    """Return a kernel whose contexts outside of jobs have a spoilt state manager."""
    kernel = mock_kernel()
    make = kernel.create_execution_context

    def create_execution_context(config: Any) -> Any:
        context = make(config)
        spoil(context.state_manager)
        return context

    kernel.create_execution_context = create_execution_context
    return kernel


@fault(Capability.STATE)
def keeps_state_by_reference() -> Any:
    def spoil(state: Any) -> None:
        def save_state(key: str, state: Any) -> bool:
            manager._values[key] = state
            return True

        manager = state
        manager.save_state = save_state

    return _with_state(spoil)


@fault(Capability.STATE)
def hands_out_its_own_values() -> Any:
    def spoil(state: Any) -> None:
        state.load_state = lambda key, default=None: state._values.get(key, default)

    return _with_state(spoil)


@fault(Capability.STATE)
def shares_state_between_instances() -> Any:
    shared: dict[str, Any] = {}
    return _with_state(lambda state: setattr(state, "_values", shared))


@fault(Capability.STATE)
def takes_a_saved_none_for_nothing() -> Any:
    def spoil(state: Any) -> None:
        load = state.load_state

        def load_state(key: str, default: Any = None) -> Any:
            value = load(key, default)
            return default if value is None else value

        state.load_state = load_state

    return _with_state(spoil)


@fault(Capability.STATE)
def overwrites_a_checkpoint() -> Any:
    def spoil(state: Any) -> None:
        create = state.create_checkpoint

        def create_checkpoint(checkpoint_id: str) -> bool:
            state._checkpoints.pop(checkpoint_id, None)
            return bool(create(checkpoint_id))

        state.create_checkpoint = create_checkpoint

    return _with_state(spoil)


@fault(Capability.STATE)
def keeps_later_keys_at_a_restore() -> Any:
    def spoil(state: Any) -> None:
        restore = state.restore_checkpoint

        def restore_checkpoint(checkpoint_id: str) -> bool:
            before = dict(state._values)
            done = bool(restore(checkpoint_id))
            state._values = {**before, **state._values}
            return done

        state.restore_checkpoint = restore_checkpoint

    return _with_state(spoil)


@fault(Capability.STATE)
def keeps_quiet_about_values_that_cannot_be_kept() -> Any:
    def spoil(manager: Any) -> None:
        save = manager.save_state

        def save_state(key: str, state: Any) -> bool:
            try:
                return bool(save(key, state))
            except StateError:
                return False

        manager.save_state = save_state

    return _with_state(spoil)


@fault(Capability.KEYED_STATE)
def keeps_one_value_for_all_keys() -> Any:
    from tests.conformance.wrong_kernels.faults import on_tasks

    class OneKey(dict[Any, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            return super().get(0, default)

        def __setitem__(self, key: Any, value: Any) -> None:
            super().__setitem__(0, value)

    def spoil(task: Any) -> None:
        store = task.context.keyed_state
        tables: dict[str, OneKey] = {}
        store.table = lambda name: tables.setdefault(name, OneKey())

    return on_tasks(spoil)
