"""A project with tests, run once; the tests of this folder look at its report."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

FILES = {
    "test_a_first.py": """
        import sys

        # Looked at while tests are collected: those of the other files import more.
        loaded = sorted(name for name in sys.modules if name.startswith("sage_kernel"))

        def test_nothing_is_loaded():
            assert loaded == ["sage_kernel_mock", "sage_kernel_mock.pytest_plugin"]
        """,
    "test_pipeline.py": """
        import pytest
        from sage_kernel_api import LocalEnvironment
        from sage_kernel_api.testing.assertions import assert_same_records
        from sage_kernel_api.testing.collect_sink import CollectSink
        from sage_kernel_api.values import Capability

        def test_squares(kernel):
            sink = CollectSink()
            with LocalEnvironment("squares", kernel=kernel) as env:
                env.from_collection(range(4)).map(lambda x: x * x, parallelism=2).sink(sink)
                env.submit(autostop=True)
            assert_same_records(sink, [0, 1, 4, 9])

        @pytest.mark.needs_capability(Capability.PAUSE, "side-outputs")
        @pytest.mark.needs_capability(Capability.SERVICES)
        def test_pausing(kernel):
            assert Capability.PAUSE in kernel.capabilities

        @pytest.mark.needs_capability("side-output")
        def test_misspelt(kernel): ...

        @pytest.mark.needs_capability("pause")
        def test_without_kernel(mock_kernel): ...

        def test_lost():
            assert_same_records([1, 3], [1, 2])
        """,
    "test_function.py": """
        from sage_kernel_api import MapFunction
        from sage_kernel_mock import StepHarness

        closed = []

        class Look(MapFunction[str, int]):
            def execute(self, data):
                return self.call_service("cache", "get", data)

            def close(self):
                closed.append(self.name)

        class Bad(MapFunction[int, int]):
            def execute(self, data):
                return data

            def close(self):
                raise OSError("disk")

        def test_harness(step_harness, mock_kernel, manual_clock):
            mock_kernel.services.answer("cache.get", 42, delay_s=2)
            step = step_harness(Look)
            other = step_harness.add(StepHarness.map(len))
            step.push("a")
            other.push("abc")
            assert (step.outputs, other.outputs) == ([42], [3])
            assert manual_clock.now_s == mock_kernel.clock.now_s == 2

        def test_harness_was_closed(mock_kernel):
            assert closed == ["Look"]
            assert len(mock_kernel.journal) == 0, "each test has a kernel of its own"

        def test_context(execution_context, mock_kernel):
            function = Look()
            function.set_context(execution_context)
            mock_kernel.services.answer("cache.get", 7)
            assert function.execute("k") == 7
            assert execution_context.name == "test"

        def test_bad_close(step_harness):
            for _ in range(2):
                step_harness(Bad).push(1)
        """,
    "test_other_kernels.py": """
        import pytest

        @pytest.mark.parametrize("kernel", [3, 5])
        def test_convolution(kernel):
            assert kernel in (3, 5)

        class TestLinux:
            @pytest.fixture
            def kernel(self):
                return "6.12"

            def test_linux(self, kernel):
                assert kernel == "6.12"
        """,
}


@dataclass(frozen=True)
class Report:
    """What a run of pytest told."""

    text: str

    @property
    def outcomes(self) -> dict[str, str]:
        """The last outcome of each test, by its name with parameters."""
        found = re.findall(r"^\S+\.py::(\S+) ([A-Z]+)", self.text, re.MULTILINE)
        return {name.rpartition("::")[2]: outcome for name, outcome in found}


def run_pytest(folder: Path, *arguments: str) -> Report:
    """Run pytest as users do, in *folder*."""
    command = [sys.executable, "-m", "pytest", "-v", "-rs", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    return Report(done.stdout + done.stderr)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project."""
    folder = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        lines = [line.removeprefix(" " * 8) for line in text.splitlines()]
        (folder / name).write_text("\n".join(lines))
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers --strict-config\n")
    return folder


@pytest.fixture(scope="session")
def report(project: Path) -> Report:
    """The project's tests on every installed kernel."""
    return run_pytest(project, "-p", "no:randomly")


@pytest.fixture(scope="session")
def narrowed(project: Path) -> Report:
    """The pipeline's tests on chosen kernels, with the plugins that projects have anyway."""
    kernels = ("--kernel", "mock", "--kernel", "mock?seed=7", "--kernel=mock")
    return run_pytest(
        project, *kernels, "-W", "error", "--timeout=60", "-p", "randomly", "test_pipeline.py"
    )
