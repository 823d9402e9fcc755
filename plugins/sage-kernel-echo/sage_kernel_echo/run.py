"""From a pipeline to records that move: one queue, one record at a time."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

from sage_kernel_api.communication import PlainTransport
from sage_kernel_api.context import ContextConfig, PlainContext
from sage_kernel_api.lifecycle import PipelineConfig, TransformationConfig, do_all, step_failure
from sage_kernel_api.runnable import KIND_SINK, KIND_SOURCE, Runnable, SourceRunnable
from sage_kernel_api.values import Payload


class EchoRun:
    """One job. Records wait in a queue, so that a long chain needs no deep stack."""

    def __init__(
        self,
        config: PipelineConfig,
        make_context: Callable[[ContextConfig, PlainTransport], PlainContext],
    ) -> None:
        self._config, self._make_context = config, make_context
        self._queue: deque[tuple[str, int, Payload, Payload]] = deque()
        self._open: dict[str, tuple[Runnable, PlainContext, PlainTransport]] = {}

    def run(self) -> None:
        """Move all records; raise a `StepError` if a step fails. Either way all are closed."""
        do_all(self._acts())

    def _acts(self) -> Iterator[Callable[[], object]]:
        yield self._move
        for step_id, (runnable, _, _) in reversed(self._open.items()):
            yield partial(blame, step_id, runnable.close, doing="close")

    def _move(self) -> None:
        steps = self._config["transformations"]
        for step in reversed(steps):
            self._open_step(step)
        for step in steps:
            if step["kind"] == KIND_SOURCE:
                self._read(step["id"])
        for step in steps:  # Upstream first: what one held back passes through the next.
            blame(step["id"], self._open[step["id"]][0].finish, doing="finish")
            self._drain()

    def _open_step(self, step: TransformationConfig) -> None:
        step_id, env, config = step["id"], self._config["name"], self._config["config"]
        edges = [(to["id"], e) for to in self._config["transformations"] for e in to["inputs"]]
        mine = [(to, edge["index"]) for to, edge in edges if edge["upstream"] == step_id]

        # NEXT: parallelism, by choosing an instance for each record (see `choose_receiver`).
        def emit(data: Payload, key: Payload) -> bool:
            self._queue.extend((to, index, data, key) for to, index in mine)
            return bool(mine)

        transport, is_source = PlainTransport(emit), step["kind"] == KIND_SOURCE
        facts = ContextConfig(name=step_id, env_name=env, config=config, is_source=is_source)
        context = self._make_context(facts, transport)
        runnable = blame(step_id, step["operator"], context, doing="open")
        # Before open(): a step that fails to open must be closed as well.
        self._open[step_id] = runnable, context, transport
        blame(step_id, runnable.open, doing="open")

    def _read(self, step_id: str) -> None:
        runnable, _, transport = self._open[step_id]
        status = "more"
        while status != "ended":
            answer = blame(step_id, cast("SourceRunnable", runnable).poll, 1, doing="poll")
            for record in answer.records:
                transport.send(record)
            self._drain()
            status = answer.status

    def _drain(self) -> None:
        while self._queue:
            step_id, index, data, key = self._queue.popleft()
            runnable, context, transport = self._open[step_id]
            context.key = transport.key = key
            # NEXT: error policies, by looking at the step's `policies` here.
            blame(step_id, runnable.process, data, index, record=data)
            context.key = transport.key = None
            if runnable.kind == KIND_SINK:
                context.logger.info("%r", data)


def blame(step_id: str, call: Callable[..., Any], *args: Any, **what: Any) -> Any:
    """Name the step, and the record or the act, in whatever the user's code raises."""
    try:
        return call(*args)
    except KeyboardInterrupt:  # Meant for the program.
        raise
    except BaseException as error:
        raise step_failure(step_id, error, **what) from error
