"""Section 6 of the founding design: its two snippets run as they stand.

Only import lines are added before them. Everything between the quotes is the design's own text.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api import BaseFunction
from sage_kernel_mock import LenientMockKernelFacade, MockExecutionContext, MockKernelFacade

IMPORTS = """
from sage_kernel_mock import LenientMockKernelFacade as KernelFacade
from sage_kernel_mock import MockExecutionContext
"""

MOCK_KERNEL = '''
# tests/mock_kernel/mock_kernel_facade.py
class MockKernelFacade(KernelFacade):
    """用于测试的Mock Kernel实现"""
    
    def __init__(self):
        self.services = {}
        self.jobs = {}
        self.states = {}
        
    def create_execution_context(self, config):
        return MockExecutionContext(config, self)
    
    # ... 其他mock实现
'''  # noqa: W293 - as it stands there

UNIT_TEST = """
# 测试BaseFunction而不需要真实的kernel runtime
def test_base_function_service_call():
    mock_kernel = MockKernelFacade()
    mock_context = mock_kernel.create_runtime_context({'name': 'test'})
    
    function = MyFunction()
    function.set_context(mock_context)
    
    # 测试服务调用
    result = function.call_service('test_service', 'test_method')
    assert result is not None
"""  # noqa: W293 - as it stands there


class MyFunction(BaseFunction):
    """Any function: the design does not say which."""


def run(*sources: str, **names: Any) -> dict[str, Any]:
    for source in sources:
        exec(source, names)
    return names


def test_the_seeds_own_mock_kernel_runs_as_it_stands() -> None:
    """Authors of the founding design find what they wrote, and it works."""
    made: Any = run(IMPORTS, MOCK_KERNEL)["MockKernelFacade"]()

    context = made.create_execution_context({"name": "count", "parallelism": 2, "key": "a"})

    assert issubclass(type(made), MockKernelFacade)
    assert isinstance(context, MockExecutionContext)
    assert (context.name, context.get_parallelism()) == ("count", 2)
    assert (made.services, made.jobs, made.states) == ({}, {}, {})
    assert context.keyed_state.key == "a"
    assert context.send_data(1) is False
    made.shutdown()


def test_the_seeds_unit_test_runs_as_it_stands_on_its_own_mock() -> None:
    """Both snippets together, in their order."""
    names = run(IMPORTS, MOCK_KERNEL, UNIT_TEST, MyFunction=MyFunction)

    names["test_base_function_service_call"]()


def test_the_seeds_unit_test_runs_as_it_stands_on_ours() -> None:
    """Programs in the design's style change the import line, and nothing else."""
    ours = "from sage_kernel_mock import LenientMockKernelFacade as MockKernelFacade"
    names = run(ours, UNIT_TEST, MyFunction=MyFunction)

    names["test_base_function_service_call"]()

    function = MyFunction()
    function.set_context(LenientMockKernelFacade().create_runtime_context({"name": "test"}))
    result = function.call_service("test_service", "test_method")
    assert repr(result) == "<unscripted answer of test_service.test_method>"
