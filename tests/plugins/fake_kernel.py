"""The text of fake plugins, and folders full of fake distributions that offer them.

The smallest kernel with every member: it runs nothing, which discovery never asks of it.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["BREAKAGES", "COMPLETE", "add_distribution", "fill_with_plugins"]

COMPLETE = """
from sage_kernel_api.plugins import hookimpl

class Jobs:
    def submit_job(self, pipeline_config): return "job"
    def cancel_job(self, job_id): return False
    def get_job_status(self, job_id): return {}
    def wait_job(self, job_id, timeout_s=None): return {}
    def list_jobs(self): return []
    def delete_job(self, job_id): return True
    def register_service_factory(self, name, factory_config): pass

class Services:
    def register_service(self, name, service_class, *args, **kwargs): pass
    def start_service(self, name): return True
    def stop_service(self, name): return True
    def call_service(self, name, method, *args, **kwargs): pass

class Loggers:
    def get_logger(self, name): pass
    def set_level(self, level): pass

class Kernel:
    name = "@NAME@"
    api_version = "1.0"
    capabilities = frozenset()
    def __init__(self):
        self.job_manager, self.service_manager = Jobs(), Services()
        self.logger_factory = Loggers()
    def create_execution_context(self, config): pass
    def create_runtime_context(self, config): pass
    def shutdown(self): pass

@hookimpl
def sage_kernel_register(registrar):
    registrar.add_kernel("@NAME@", Kernel, summary="a fake")
"""

BREAKAGES: dict[str, tuple[str, str, str]] = {
    # name of the kernel: (text of its module, what the doctor says, the error when chosen)
    "import-error": ("import no_such_module_at_all\n", "No module named", "KernelLoadError"),
    "syntax-error": ("def broken(:\n", "SyntaxError", "KernelLoadError"),
    "system-exit": ("raise SystemExit(3)\n", "SystemExit: 3", "KernelLoadError"),
    "hang": ("import threading\nthreading.Event().wait()\n", "did not answer within", ""),
    "os-exit": ("import os\nos._exit(7)\n", "exit code 7", ""),
    "wrong-version": (
        COMPLETE.replace('api_version = "1.0"', 'api_version = "2.0"'),
        "api_version 2.0 does not fit 1.0",
        "KernelContractError",
    ),
    "missing-member": (
        COMPLETE.replace("def shutdown(self): pass", ""),
        "lacks `shutdown`",
        "KernelContractError",
    ),
    "renamed-parameter": (
        COMPLETE.replace("def cancel_job(self, job_id)", "def cancel_job(self, job)"),
        "parameter `job` must be called `job_id`",
        "KernelContractError",
    ),
    "duplicate": (COMPLETE, "duplicate name", "AmbiguousKernelError"),
    "broken-metadata": (COMPLETE, "broken metadata", "KernelLoadError"),
}


def add_distribution(
    folder: Path, name: str, entries: str, *, metadata: str | None = None, requires: str = ""
) -> None:
    """Write what an installer would leave of a distribution with these entry points."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}"
    (info / "METADATA").write_text(text if metadata is None else metadata, encoding="utf-8")
    (info / "entry_points.txt").write_text(entries, encoding="utf-8")


def add_plugin(folder: Path, kernel: str, text: str, *, distribution: str | None = None) -> str:
    """Write a distribution with one kernel and its module; return the module's name."""
    owner = distribution or f"fake-{kernel}"
    module = f"{owner.replace('-', '_')}_plugin"
    (folder / f"{module}.py").write_text(text.replace("@NAME@", kernel), encoding="utf-8")
    add_distribution(folder, owner, f"[sage_kernel.kernels]\n{kernel} = {module}\n")
    return module


def fill_with_plugins(folder: Path, count: int = 200) -> None:
    """Write *count* distributions, ten of them broken, each in another way."""
    for kernel, (text, _, _) in BREAKAGES.items():
        add_plugin(folder, kernel, text)
    (folder / "fake_broken_metadata-1.0.dist-info" / "METADATA").unlink()
    # The eleventh folder belongs to the tenth fault: it takes two to have a duplicate.
    add_plugin(folder, "duplicate", COMPLETE, distribution="fake-second")
    for number in range(count - len(BREAKAGES) - 1):
        add_plugin(folder, f"good-{number}", COMPLETE)
