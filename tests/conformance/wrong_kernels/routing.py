"""Kernels that bring records to the wrong instances."""

from __future__ import annotations

from typing import Any

from sage_kernel_api.communication import key_group
from sage_kernel_api.values import Capability
from tests.conformance.wrong_kernels.faults import fault, mock_kernel, on_tasks


def _on_routers(name: str, make: Any) -> Any:
    """Return a kernel where the method *name* of each router is what *make* returns."""

    def spoil(task: Any) -> None:
        for outlets in task.context.transport._outlets.values():
            for outlet in outlets:
                setattr(outlet._router, name, make(outlet._router))

    return on_tasks(spoil)


@fault(Capability.KEYED_ROUTING)
def routes_by_hash() -> Any:
    return _on_routers(
        "route_by_key", lambda r: lambda data, key: r._targets[hash(key) % len(r._targets)]
    )


@fault(Capability.KEYED_ROUTING)
def routes_by_the_remainder_of_the_group() -> Any:
    return _on_routers(
        "route_by_key", lambda r: lambda data, key: r._targets[key_group(key) % len(r._targets)]
    )


@fault(Capability.KEYED_ROUTING)
def sends_falsy_keys_in_turns() -> Any:
    def make(router: Any) -> Any:
        by_key = router.route_by_key
        return lambda data, key: by_key(data, key) if key else router.route_round_robin(data)

    return _on_routers("route_by_key", make)


@fault(Capability.KEYED_ROUTING)
def guesses_the_owner_of_a_key_without_encoding() -> Any:
    def make(router: Any) -> Any:
        by_key = router.route_by_key

        def wrong(data: Any, key: Any) -> Any:
            try:
                return by_key(data, key)
            except TypeError:
                return router._targets[0]

        return wrong

    return _on_routers("route_by_key", make)


@fault(Capability.KEYED_ROUTING)
def swaps_the_order_of_a_key() -> Any:
    def spoil(task: Any) -> None:
        if task.step["parallelism"] == 1:
            return
        accept = task.accept
        held: list[Any] = []

        def wrong(data: Any, *more: Any) -> None:
            if data == 26:
                held.append((data, *more))
                return
            accept(data, *more)
            if held and data == 39:
                accept(*held.pop())

        task.accept = wrong

    return on_tasks(spoil)


@fault(Capability.BROADCAST)
def broadcasts_to_the_first_instance() -> Any:
    return _on_routers("route_broadcast", lambda r: lambda data: r._targets[:1])


@fault(Capability.BROADCAST)
def forgets_the_last_instance_of_a_broadcast() -> Any:
    return _on_routers("route_broadcast", lambda r: lambda data: r._targets[: max(1, 2)])


@fault(Capability.CUSTOM_ROUTING)
def ignores_the_partitioner() -> Any:
    return _on_routers("route_by_choice", lambda r: lambda data, _: r.route_round_robin(data))


@fault(Capability.CUSTOM_ROUTING)
def bends_a_choice_out_of_range() -> Any:
    def make(router: Any) -> Any:
        targets = router._targets
        return lambda data, choose: targets[int(choose(data, len(targets)) or 0) % len(targets)]

    return _on_routers("route_by_choice", make)


@fault(Capability.PARALLELISM)
def sends_everything_to_the_first_instance() -> Any:
    return _on_routers("route_round_robin", lambda r: lambda data: r._targets[0])


@fault(Capability.PARALLELISM)
def ignores_parallelism() -> Any:
    kernel = mock_kernel()
    submit = kernel.job_manager.submit_job

    def submit_job(pipeline_config: Any) -> Any:
        steps = [
            {
                **step,
                "parallelism": 1,
                "inputs": [{**edge, "partitioning": "forward"} for edge in step["inputs"]],
            }
            for step in pipeline_config["transformations"]
        ]
        return submit({**pipeline_config, "transformations": steps})

    kernel.job_manager.submit_job = submit_job
    return kernel


@fault(Capability.PARALLELISM)
def shares_one_function_between_instances() -> Any:
    kernel = mock_kernel()
    submit = kernel.job_manager.submit_job

    def shared(operator: Any) -> Any:
        functions: list[Any] = []

        def make(context: Any) -> Any:
            runnable = operator(context)
            functions.append(runnable.function)
            if hasattr(functions[0], "process") and hasattr(runnable, "_process"):
                runnable.function = functions[0]
                runnable._process = functions[0].process
            return runnable

        return make

    def submit_job(pipeline_config: Any) -> Any:
        steps = [
            {**step, "operator": shared(step["operator"])}
            for step in pipeline_config["transformations"]
        ]
        return submit({**pipeline_config, "transformations": steps})

    kernel.job_manager.submit_job = submit_job
    return kernel
