"""Kernels with wrong services, state and queues."""

from __future__ import annotations

from typing import Any

from sage_kernel_api.errors import ServiceError, StateError
from sage_kernel_api.values import Capability
from sage_kernel_default.channels.local import LocalChannel
from sage_kernel_default.lanes import site as _site
from tests.conformance.wrong_kernels.faults import default_kernel, fault, mock_kernel

site: Any = _site  # a module, of which a name is replaced for a while

SERVICES = Capability.SERVICES


@fault(SERVICES)
def ignores_the_deadline_of_a_call() -> Any:
    kernel = default_kernel()
    kernel._registry.deadlines.watch = lambda call, limit_s: None
    return kernel


@fault(SERVICES)
def wraps_the_exceptions_of_services() -> Any:
    kernel = mock_kernel()
    perform = kernel._desk._perform

    def wrong(*args: Any) -> Any:
        try:
            return perform(*args)
        except ServiceError:
            raise
        except Exception as error:
            raise ServiceError(str(error)) from error

    kernel._desk._perform = wrong
    return kernel


@fault(SERVICES)
def drops_falsy_answers() -> Any:
    kernel = mock_kernel()
    perform = kernel._desk._perform
    kernel._desk._perform = lambda *args: perform(*args) or None
    return kernel


@fault(SERVICES)
def makes_a_service_for_each_call() -> Any:
    kernel = mock_kernel()
    instance_of = kernel._shared.instance_of

    def wrong(name: str) -> Any:
        kernel._shared.stop(name)
        return instance_of(name)

    kernel._shared.instance_of = wrong
    return kernel


@fault(SERVICES)
def never_cleans_up_a_service() -> Any:
    kernel = mock_kernel()
    call = kernel._shared._call_if_there

    def wrong(name: str, instance: Any, methods: Any) -> None:
        call(name, instance, [method for method in methods if method != "cleanup"])

    kernel._shared._call_if_there = wrong
    return kernel


@fault(SERVICES)
def starts_a_service_when_it_is_registered() -> Any:
    kernel = mock_kernel()
    add = kernel._shared.add

    def wrong(name: str, *more: Any) -> None:
        add(name, *more)
        kernel._shared.start(name)

    kernel._shared.add = wrong
    return kernel


@fault(SERVICES)
def replaces_the_service_of_a_taken_name() -> Any:
    kernel = mock_kernel()
    add = kernel._shared.add

    def wrong(name: str, *more: Any) -> None:
        kernel._shared._services.pop(name, None)
        add(name, *more)

    kernel._shared.add = wrong
    return kernel


@fault(SERVICES)
def calls_hidden_methods() -> Any:
    kernel = mock_kernel()
    perform_real = kernel._desk._perform_real

    def wrong(host: Any, name: str, method: str, args: Any, kwargs: Any) -> Any:
        if method == "_hidden":
            return getattr(host.instance_of(name), method)(*args, **kwargs)
        return perform_real(host, name, method, args, kwargs)

    kernel._desk._perform_real = wrong
    return kernel


# --- state -----------------------------------------------------------------------------------


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


# --- channels --------------------------------------------------------------------------------


class _Endless(LocalChannel):
    """Is never full: whatever comes is kept in memory."""

    __slots__ = ()

    @property
    def is_full(self) -> bool:
        """Say that there is room."""
        return False


class _Leaky(_Endless):
    """Lets nobody wait, and loses what there is no room for; the counters say nothing of it."""

    __slots__ = ()

    def put(self, frame: Any) -> None:
        """Take the frame, unless there is no room."""
        if self._capacity is not None and self.sent - self.consumed >= self._capacity:
            self.sent += len(frame.values)
            self.consumed += len(frame.values)
        else:
            super().put(frame)


def _with_channels(kind: Any) -> Any:
    """Return a default kernel whose tasks are joined by channels of that kind."""
    kernel = default_kernel()
    submit = kernel.job_manager.submit_job

    def submit_job(pipeline_config: Any) -> Any:
        usual, site.LocalChannel = site.LocalChannel, kind
        try:
            return submit(pipeline_config)
        finally:
            site.LocalChannel = usual

    kernel.job_manager.submit_job = submit_job
    return kernel


@fault(Capability.BACKGROUND_JOBS)
def loses_a_record_at_a_full_channel() -> Any:
    return _with_channels(_Leaky)


@fault(Capability.BACKGROUND_JOBS)
def keeps_what_a_slow_sink_does_not_take() -> Any:
    return _with_channels(_Endless)


@fault(Capability.QUEUES)
def loses_an_item_at_a_full_queue() -> Any:
    kernel = default_kernel()
    create = kernel.queue_manager.create_queue

    def create_queue(name: str, capacity: int) -> Any:
        queue = create(name, capacity)
        put = queue.put

        def wrong(item: Any, *, timeout_s: float | None = None) -> None:
            if queue.size() < capacity or queue.is_closed:
                put(item, timeout_s=timeout_s)

        queue.put = wrong
        return queue

    kernel.queue_manager.create_queue = create_queue
    return kernel


@fault(Capability.QUEUES)
def gives_the_latest_item_first() -> Any:
    kernel = default_kernel()
    create = kernel.queue_manager.create_queue

    def create_queue(name: str, capacity: int) -> Any:
        queue = create(name, capacity)
        frames = queue._channel._frames
        queue._channel.take = lambda: frames.pop() if frames else None
        return queue

    kernel.queue_manager.create_queue = create_queue
    return kernel
