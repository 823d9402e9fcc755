"""Contexts outside of any job: what functions under unit test get.

Layer: testing. Promises of `KernelFacade.create_execution_context` and the context Protocols.
"""

from __future__ import annotations

from typing import Any, Final

from sage_kernel_api.communication import DataTransport
from sage_kernel_api.context import ContextConfig, ExecutionContext, RuntimeContext, ServiceClient
from sage_kernel_api.errors import ConfigurationError, PipelineError
from sage_kernel_api.logging import Logger
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.storage import StateManager
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal, expect_error, expect_same
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import NONE_KEY, ConnectionInfo

GIVEN: Final[ContextConfig] = {
    "name": "count",
    "env_name": "shop",
    "config": {"size": 3},
    "parallel_index": 1,
    "parallelism": 4,
    "is_source": True,
    "key": ("a", 1),
}
WRONG: Final[dict[str, Any]] = {
    "an unknown entry": {"nmae": "x"},
    "a name that is no text": {"name": 1},
    "an env_name that is no text": {"env_name": None},
    "a config that is no mapping": {"config": [1]},
    "an index that is no number": {"parallel_index": "0"},
    "a truth value for a number": {"parallelism": True},
    "is_source as a number": {"is_source": 1},
    "an index out of range": {"parallel_index": 2, "parallelism": 2},
    "a parallelism of 0": {"parallelism": 0},
}
_FACES = {
    "ExecutionContext": (ExecutionContext, lambda context: context),
    "DataTransport": (DataTransport, lambda context: context.transport),
    "ServiceClient": (ServiceClient, lambda context: context.services),
    "StateManager": (StateManager, lambda context: context.state_manager),
    "Logger": (Logger, lambda context: context.logger),
}


@promise(Profile.CORE, variants=_FACES)
def a_context_and_its_parts_have_their_signatures(bench: Workbench, face: Any) -> None:
    """The context and what it hands out have the members of their Protocols."""
    protocol, part_of = face
    context = bench.kernel.create_execution_context({"name": "count"})

    problems = list(compare_members(part_of(context), protocol))

    expect_equal(problems, [], protocol.__name__)


@promise(Profile.CORE)
def a_runtime_context_has_its_signatures(bench: Workbench) -> None:
    """`create_runtime_context` returns what functions and services may ask."""
    context = bench.kernel.create_runtime_context({})

    expect_equal(list(compare_members(context, RuntimeContext)), [], "RuntimeContext")


@promise(Profile.CORE)
def a_context_answers_what_it_was_made_with(bench: Workbench) -> None:
    """Every entry of the config is what the context says."""
    context = bench.kernel.create_execution_context(GIVEN)

    expect_equal(context.name, "count", "name")
    expect_equal(context.env_name, "shop", "env_name")
    expect_equal(context.get_config("size"), 3, "get_config('size')")
    expect_equal(context.get_parallel_index(), 1, "get_parallel_index()")
    expect_equal(context.get_parallelism(), 4, "get_parallelism()")
    expect_equal(context.is_source(), True, "is_source()")
    expect_equal(context.get_key(), ("a", 1), "get_key()")


@promise(Profile.CORE)
def both_names_of_the_parallel_facts_agree(bench: Workbench) -> None:
    """`parallel_index` and `parallelism` are the same as their getters."""
    context = bench.kernel.create_execution_context(GIVEN)

    expect_equal((context.parallel_index, context.parallelism), (1, 4), "the properties")


@promise(Profile.CORE)
def every_entry_of_a_context_may_be_missing(bench: Workbench) -> None:
    """The defaults: name "context", no environment, instance 0 of 1, no source, no key."""
    context = bench.kernel.create_execution_context({})

    expect_equal(
        (context.name, context.env_name, context.get_parallel_index(), context.get_parallelism()),
        ("context", "", 0, 1),
        "the defaults",
    )
    expect_equal((context.is_source(), context.get_key()), (False, None), "the defaults")


@promise(Profile.CORE)
def a_context_outside_of_jobs_is_not_stopping(bench: Workbench) -> None:
    """`should_stop` is False while nothing ends."""
    expect_equal(bench.kernel.create_execution_context({}).should_stop(), False, "should_stop()")


@promise(Profile.CORE)
def a_missing_setting_has_the_default(bench: Workbench) -> None:
    """`get_config` returns the default for a setting that there is not, None if none is given."""
    context = bench.kernel.create_runtime_context({"config": {"none": None, "zero": 0}})
    default = object()

    expect_same(context.get_config("missing", default), default, "the default")
    expect_equal(context.get_config("missing"), None, "without a default")
    expect_equal(context.get_config("none", 1), None, "a setting that is None")
    expect_equal(context.get_config("zero", 1), 0, "a setting that is 0")


@promise(Profile.CORE, variants=WRONG)
def a_wrong_context_config_is_refused(bench: Workbench, config: Any) -> None:
    """An entry that is unknown or of a wrong type raises `ConfigurationError`."""
    expect_error(ConfigurationError, bench.kernel.create_execution_context, config)
    expect_error(ConfigurationError, bench.kernel.create_runtime_context, config)


@promise(Profile.CORE)
def records_sent_outside_of_jobs_go_nowhere(bench: Workbench) -> None:
    """`send_data` says by False that nobody gets the record."""
    context = bench.kernel.create_execution_context({})

    expect_equal(context.send_data(1), False, "send_data")
    expect_equal(context.send_data(None, partition_key=NONE_KEY), False, "send_data with a key")
    expect_equal(context.send_data(1, "late"), False, "send_data to a side output")


@promise(Profile.CORE)
def an_unconnected_transport_says_so(bench: Workbench) -> None:
    """`send` and `broadcast` return False where there are no edges."""
    transport = bench.kernel.create_execution_context({}).transport

    expect_equal(transport.send(1), False, "send")
    expect_equal(transport.send(1, "late"), False, "send to a side output")
    expect_equal(transport.broadcast(1), False, "broadcast")


@promise(Profile.CORE)
def an_unknown_receiver_is_refused(bench: Workbench) -> None:
    """`set_downstream_connections` raises `PipelineError` for a target that there is not."""
    transport = bench.kernel.create_execution_context({}).transport

    expect_error(PipelineError, transport.set_downstream_connections, [ConnectionInfo(("nobody",))])
    expect_equal(transport.send(1), False, "send after the refusal")


@promise(Profile.CORE)
def a_transport_may_be_connected_to_nothing(bench: Workbench) -> None:
    """An empty list of connections is accepted: then records go nowhere."""
    transport = bench.kernel.create_execution_context({}).transport

    transport.set_downstream_connections([])

    expect_equal(transport.send(1), False, "send")


@promise(Profile.CORE)
def contexts_do_not_share_facts(bench: Workbench) -> None:
    """Two contexts are two: neither changes what the other one says."""
    first = bench.kernel.create_execution_context({"name": "a", "key": 1})
    second = bench.kernel.create_execution_context({"name": "b", "key": 2})

    expect_equal((first.name, first.get_key()), ("a", 1), "the first context")
    expect_equal((second.name, second.get_key()), ("b", 2), "the second context")
