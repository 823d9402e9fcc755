"""Two hundred installed plugins, ten of them broken, each in another way (R16)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sage_kernel_api.plugins import available_kernels, probe_kernels
from tests.plugins.fake_kernel import BREAKAGES, fill_with_plugins

_CHOOSE = """
import json, sys
from sage_kernel_api.plugins import available_kernels, resolve_kernel
def plugins():
    # The tool that measures coverage has a module of such a name, too.
    return [name for name in sys.modules if name.endswith("plugin") and name != "coverage.plugin"]

listed = available_kernels()
after_listing = plugins()
try:
    resolve_kernel(sys.argv[1]).shutdown()
    error = ["", ""]
except BaseException as caught:
    error = [type(caught).__name__, str(caught)]
print(json.dumps({"listed": len(listed), "after_listing": after_listing, "error": error,
                  "modules": plugins()}))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    fill_with_plugins(folder)
    return folder


def choose(site: Path, kernel: str) -> dict[str, Any]:
    """Resolve in a fresh interpreter; tell what was imported and raised."""
    code = f"import sys; sys.path.append({str(site)!r})\n{_CHOOSE}"
    run = subprocess.run(
        [sys.executable, "-c", code, kernel], capture_output=True, text=True, timeout=60, check=True
    )
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


@pytest.mark.parametrize(
    ("kernel", "module"),
    [("mock", "sage_kernel_mock.plugin"), ("good-17", "fake_good_17_plugin")],
)
def test_choosing_one_kernel_imports_only_its_plugin(site: Path, kernel: str, module: str) -> None:
    """What is installed beside must cost nothing and break nothing."""
    answer = choose(site, kernel)

    assert answer["error"] == ["", ""]
    assert answer["after_listing"] == []
    assert answer["modules"] == [module]
    assert answer["listed"] >= 202


@pytest.mark.parametrize("kernel", [name for name, (_, _, error) in BREAKAGES.items() if error])
def test_choosing_a_broken_kernel_raises_our_error(site: Path, kernel: str) -> None:
    """A configured kernel that cannot load is an error that says why, never a fallback."""
    _, words, error = BREAKAGES[kernel]

    raised, message = choose(site, kernel)["error"]

    assert raised == error
    if error == "AmbiguousKernelError":
        words = "offered by fake-duplicate 1.0 and fake-second 1.0"
    assert words in message
    assert repr(kernel) in message


def test_the_doctor_names_each_broken_plugin_with_its_cause(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has a broken plugin must find out which one it is, and why."""
    monkeypatch.syspath_prepend(str(site))
    good = {f"good-{number}" for number in range(4)}

    probes = probe_kernels([*BREAKAGES, *good], timeout_s=6.0)

    assert {probe.kernel.name for probe in probes if probe.is_ok} == good
    causes = {probe.kernel.name: probe.cause for probe in probes if not probe.is_ok}
    assert {name: BREAKAGES[name][1] in cause for name, cause in causes.items()} == dict.fromkeys(
        BREAKAGES, True
    )
    outcomes = {probe.kernel.name: probe.outcome for probe in probes}
    assert (outcomes["hang"], outcomes["os-exit"]) == ("timeout", "exit")
    assert (outcomes["duplicate"], outcomes["broken-metadata"]) == ("metadata", "metadata")


@pytest.mark.slow
def test_the_doctor_finds_the_ten_broken_among_two_hundred(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hurt are those with many plugins: nothing may be forgotten or accused wrongly."""
    monkeypatch.syspath_prepend(str(site))

    probes = [one for one in probe_kernels(timeout_s=20.0) if "fake" in one.kernel.distribution]

    assert len(probes) == 200
    assert {one.kernel.name for one in probes if not one.is_ok} == set(BREAKAGES)


def test_the_list_answers_from_metadata_alone(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing must work most of all when something is broken."""
    monkeypatch.syspath_prepend(str(site))

    listed = [one for one in available_kernels(refresh=True) if "fake" in one.distribution]

    assert len(listed) == 200
    assert {one.name for one in listed if one.problems} == {"duplicate", "broken-metadata"}
