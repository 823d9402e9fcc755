"""``sage-kernel list``, ``doctor`` and ``info``, with sound and broken plugins installed."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CommandLine


def install(sage_kernel: CommandLine, name: str, source: str) -> None:
    """Put a distribution with one plugin into the folder, as an installer would."""
    module = f"plugin_of_{name}"
    sage_kernel.write(f"{module}.py", source)
    metadata = sage_kernel.folder / f"sage_{name}-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: sage-{name}\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text(f"[sage_kernel.kernels]\n{name} = {module}\n")


@pytest.fixture
def broken(sage_kernel: CommandLine) -> dict[str, str]:
    """Environment variables under which a broken plugin is installed."""
    install(sage_kernel, "wreck", "print('hello')\nraise ImportError('libwreck is missing')\n")
    return {"PYTHONPATH": str(sage_kernel.folder)}


def test_list_shows_every_kernel_with_its_distribution(sage_kernel: CommandLine) -> None:
    """It is the first thing that one asks on a strange machine."""
    outcome = sage_kernel("list")

    assert outcome.code == 0
    rows = [line.split() for line in outcome.out.splitlines()]
    assert rows[0] == ["kernel", "distribution", "version"]
    assert ["default", "sage-kernel"] in [row[:2] for row in rows]
    assert ["mock", "sage-kernel"] in [row[:2] for row in rows]


def test_list_answers_also_with_a_broken_plugin(
    sage_kernel: CommandLine, broken: dict[str, str]
) -> None:
    """Whoever wants to know what is installed must not have to repair it first."""
    outcome = sage_kernel("list", **broken)

    assert outcome.code == 0
    assert "sage-wreck" in outcome.out
    assert "hello" not in outcome.out


def test_doctor_names_the_broken_plugin_and_its_cause(
    sage_kernel: CommandLine, broken: dict[str, str]
) -> None:
    """A user must learn what to repair, and that the rest is sound."""
    outcome = sage_kernel("doctor", **broken)

    assert outcome.code == 3
    rows = [line.split() for line in outcome.out.splitlines() if line]
    assert ["wreck", "sage-wreck", "1.2", "broken"] in rows
    assert "libwreck is missing" in outcome.out
    assert "It printed:\n    hello" in outcome.out
    assert {"default", "mock"} <= {row[0] for row in rows if row[-1] == "ok"}


def test_doctor_is_content_with_what_comes_along(sage_kernel: CommandLine) -> None:
    """Exit code 3 in a sound installation would stop every script."""
    outcome = sage_kernel("doctor")

    assert outcome.code == 0, outcome.out


@pytest.mark.parametrize("name", ["default", "mock"])
def test_info_shows_origin_options_and_capabilities(sage_kernel: CommandLine, name: str) -> None:
    """A spec's options must be found without reading the kernel's source."""
    outcome = sage_kernel("info", name)

    assert outcome.code == 0
    assert outcome.out.startswith(name)
    assert "sage-kernel" in outcome.out
    for heading in ("Options:\n", "Capabilities:\n"):
        assert heading in outcome.out
    assert "services" in outcome.out


def test_info_shows_type_default_and_meaning_of_every_option(sage_kernel: CommandLine) -> None:
    """People copy from here into their spec strings."""
    install(
        sage_kernel,
        "tiny",
        """
        from dataclasses import dataclass
        from typing import Annotated

        from sage_kernel_api import KernelFacade, hookimpl
        from sage_kernel_api.plugins import KernelRegistrar
        from sage_kernel_mock import MockKernelFacade

        @dataclass(frozen=True)
        class Options:
            size: Annotated[int, "how large"] = 3

        class Tiny(MockKernelFacade):
            @property
            def name(self):
                return "tiny"

        def make(options):
            return Tiny()

        @hookimpl
        def sage_kernel_register(registrar):
            registrar.add_kernel("tiny", make, options=Options, summary="a small one")
        """,
    )

    outcome = sage_kernel("info", "tiny", PYTHONPATH=str(sage_kernel.folder))

    assert outcome.out.startswith("tiny: a small one\n"), outcome.err
    rows = [line.split() for line in outcome.out.splitlines()]
    assert ["size", "whole", "number", "3", "how", "large"] in rows


@pytest.mark.parametrize(
    ("name", "said"),
    [("defualt", "Did you mean 'default'?"), ("ray", "pip install sage-kernel-ray"), ("?", "name")],
)
def test_info_about_no_kernel_ends_with_exit_code_3(
    sage_kernel: CommandLine, name: str, said: str
) -> None:
    """A typo must lead to the right name, not to a traceback."""
    outcome = sage_kernel("info", name)

    assert outcome.code == 3
    assert said in outcome.err
    assert "Traceback" not in outcome.err
