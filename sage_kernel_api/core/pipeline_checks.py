"""What can be wrong with a described pipeline, found before anything runs.

Layer: core. Pure: from transformations to sentences.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

from sage_kernel_api.communication import KEY_GROUPS
from sage_kernel_api.core.functions import BlockSourceFunction, declared_states
from sage_kernel_api.core.operators import has_timers, is_function_class
from sage_kernel_api.core.transformation import BaseTransformation, Edge, FutureTransformation
from sage_kernel_api.runnable import KIND_ASSIGN_TIME

__all__ = ["pipeline_problems"]

# How many arguments a step gives to a plain callable.
_ARITY = {
    "source": 0,
    "process": 2,
    "reduce": 2,
    "on_end": 0,
    "window_reduce": 2,
    "window_process": 3,
    "window_join": 2,
    "interval_join": 2,
    "asof_join": 2,
}
_METHOD = {
    "process": "process",
    "comap": "map0",
    "aggregate": "create_accumulator",
    "window_aggregate": "create_accumulator",
    "broadcast_process": "process_broadcast",
    "window_process": "process",
}
# What a step takes that takes no plain callable.
_CLASS_OF = {
    "join": "BaseJoinFunction",
    "aggregate": "AggregateFunction",
    "window_aggregate": "AggregateFunction",
    "broadcast_process": "BroadcastProcessFunction",
}


def pipeline_problems(steps: Sequence[BaseTransformation]) -> Iterator[str]:
    """Yield one sentence for each thing that is wrong; the graph's shape is checked elsewhere."""
    if not steps:
        yield "it has no steps; begin with from_collection() or another source"
    yield from _repeated(steps)
    described = {id(step) for step in steps}
    timed = _steps_with_times(steps)
    for step in steps:
        yield from _step_problems(step)
        yield from _edge_problems(step, described)
        yield from _state_problems(step)
        yield from _time_problems(step, timed)


def _repeated(steps: Sequence[BaseTransformation]) -> Iterator[str]:
    for what in ("basename", "uid"):
        seen: set[str] = set()
        reported: set[str] = set()
        for step in steps:
            value: str | None = getattr(step, what)
            if value is None:
                continue
            if value in seen and value not in reported:
                word = "name" if what == "basename" else "uid"
                yield f"the {word} {value!r} is used by more than one step"
                reported.add(value)
            seen.add(value)


def _step_problems(step: BaseTransformation) -> Iterator[str]:
    where = f"step {step.basename!r}"
    parallelism: Any = step.parallelism
    if isinstance(parallelism, bool) or not isinstance(parallelism, int) or parallelism < 1:
        yield f"{where}: parallelism is a whole number from 1, not {parallelism!r}"
    elif parallelism > KEY_GROUPS:
        yield f"{where}: parallelism is at most {KEY_GROUPS}, not {parallelism}"
    elif parallelism > 1 and _is_one_shot(step):
        yield (
            f"{where}: a one-shot iterator cannot be split over {parallelism} instances; give a "
            "list, or parallelism=1 and rebalance() after it"
        )
    if isinstance(step, FutureTransformation) and not step.edges:
        yield f"{where}: the future stream is not filled; call fill_future() on the loop's end"
    yield from _function_problems(step, where)


def _edge_problems(step: BaseTransformation, described: set[int]) -> Iterator[str]:
    for edge in step.edges:
        upstream = edge.outlet.transformation
        if id(upstream) not in described:
            yield (
                f"step {step.basename!r}: its upstream {upstream.basename!r} is not in the pipeline"
            )


def _state_problems(step: BaseTransformation) -> Iterator[str]:
    states = declared_states(step.function_class)
    if has_timers(step.function_class):
        states.append("timers")
    keeps_state = states or step.operator_class.keeps_keyed_state
    if keeps_state and not all(_is_keyed(edge) for edge in step.edges):
        what = f" ({', '.join(states)})" if states else ""
        yield (
            f"step {step.basename!r}: keeps state by key{what}, but its input is not keyed; put "
            "keyby(...) right before it"
        )


def _is_keyed(edge: Edge) -> bool:
    # The broadcast side of a step brings rules for all keys, and so needs none.
    return edge.outlet.partitioning == "hash" or (
        edge.index > 0 and edge.outlet.partitioning == "broadcast"
    )


def _time_problems(step: BaseTransformation, timed: set[int]) -> Iterator[str]:
    if not step.settings.get("reads_event_time", step.operator_class.reads_event_time):
        return
    for upstream in step.upstreams:
        if id(upstream) not in timed:
            yield (
                f"step {step.basename!r}: works with event time, but the records that come by "
                f"{upstream.basename!r} have none; put assign_timestamps(...) before it"
            )


def _steps_with_times(steps: Sequence[BaseTransformation]) -> set[int]:
    """Return the steps (by identity) all of whose records have event times.

    The greatest such set: a loop is timed if everything that enters it is.
    """
    timed = {id(step) for step in steps if step.edges or step.kind == KIND_ASSIGN_TIME}
    changed = True
    while changed:
        changed = False
        for step in steps:
            if id(step) not in timed or step.kind == KIND_ASSIGN_TIME:
                continue
            if any(id(upstream) not in timed for upstream in step.upstreams):
                timed.discard(id(step))
                changed = True
    return timed


def _is_one_shot(step: BaseTransformation) -> bool:
    items = step.function_args[0] if step.function_class is iter and step.function_args else ()
    return hasattr(items, "__next__")


def _function_problems(step: BaseTransformation, where: str) -> Iterator[str]:
    function: Any = step.function_class  # Nothing was checked yet: it may be anything.
    if is_function_class(function):
        yield from _class_problems(step, where)
    elif not callable(function):
        yield (
            f"{where}: takes a class of functions or a callable, not {function!r}; of a class, "
            f"give the class and its arguments: map({type(function).__name__}, ...)"
        )
    elif (base := _CLASS_OF.get(step.operator_class.kind)) is not None:
        what = step.operator_class.kind.removeprefix("window_").removeprefix("broadcast_")
        yield f"{where}: {what} takes a class of {base}, not {function!r}"
    elif function is not iter and not isinstance(function, type):
        yield from _arity_problems(step, where, function)


def _class_problems(step: BaseTransformation, where: str) -> Iterator[str]:
    function: Any = step.function_class
    is_block_source = issubclass(function, BlockSourceFunction)
    method = "poll" if is_block_source else _METHOD.get(step.operator_class.kind, "execute")
    if not callable(getattr(function, method, None)):
        yield f"{where}: {function.__qualname__} has no method {method}()"
    if missing := sorted(getattr(function, "__abstractmethods__", ())):
        yield f"{where}: {function.__qualname__} does not define {', '.join(missing)}"
        return
    try:
        inspect.signature(function).bind(*step.function_args, **step.function_kwargs)
    except TypeError as error:
        yield f"{where}: {function.__qualname__} cannot be made with these arguments: {error}"
    except ValueError:
        return  # No signature to be had: the constructor itself will tell.


def _arity_problems(
    step: BaseTransformation, where: str, function: Callable[..., Any]
) -> Iterator[str]:
    if step.operator_class.kind != "comap" and (step.function_args or step.function_kwargs):
        yield (
            f"{where}: arguments are given to a class of functions, not to a callable; use "
            "functools.partial"
        )
    count = _ARITY.get(step.operator_class.kind, 1)
    others = step.function_args if step.operator_class.kind == "comap" else ()
    for each in (function, *others):
        if _takes_plainly(each, count):
            continue
        try:
            inspect.signature(each).bind(*(None,) * count)
        except TypeError:
            name = getattr(each, "__qualname__", repr(each))
            yield f"{where}: {name} must be callable with {count} argument{'s' * (count != 1)}"
        except ValueError:
            continue  # A builtin without a signature.


def _takes_plainly(function: Callable[..., Any], count: int) -> bool:
    """Tell at a glance whether a plain function takes so many arguments; False if unsure."""
    if not isinstance(function, FunctionType) or vars(function):
        return False  # `__wrapped__` and `__signature__` say something else than the code
    code = function.__code__
    return code.co_argcount == count and not code.co_kwonlyargcount
