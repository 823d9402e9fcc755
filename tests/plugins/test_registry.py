"""Kernels registered for one process, and plugins that register in a wrong way."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from sage_kernel_api.errors import (
    AmbiguousKernelError,
    KernelContractError,
    KernelLoadError,
    KernelNotFoundError,
    KernelSpecError,
)
from sage_kernel_api.plugins import (
    KernelRegistrar,
    available_kernels,
    describe_kernel,
    register_kernel,
    resolve_kernel,
    unregister_kernel,
)
from tests.plugins.fake_kernel import COMPLETE, add_distribution, add_plugin


def fake(name: str) -> Any:
    module: dict[str, Any] = {}
    exec(COMPLETE.replace("@NAME@", name), module)
    return module["Kernel"]


@dataclass(frozen=True)
class Lanes:
    lanes: int = 1


def test_a_registered_kernel_can_be_chosen_until_it_is_taken_back() -> None:
    """A test suite or notebook must be able to bring its own kernel."""
    made: list[Lanes] = []

    def factory(options: Lanes) -> Any:
        made.append(options)
        return fake("own")()

    register_kernel("Own", factory, options=Lanes, summary="mine")
    try:
        assert resolve_kernel("OWN?lanes=3").name == "own"
        assert made == [Lanes(3)]
        assert "own" in {one.name for one in available_kernels() if one.origin == "registered"}
        with pytest.raises(AmbiguousKernelError, match="in this process"):
            register_kernel("own", fake("own"))
    finally:
        assert unregister_kernel("own")
    assert not unregister_kernel("own")
    with pytest.raises(KernelNotFoundError):
        resolve_kernel("own")


@pytest.mark.parametrize("name", ["default", "Mock", "ray", "\uff32\uff21\uff39"])
def test_built_in_names_cannot_be_taken(name: str) -> None:
    """Whoever says `default` must get the default."""
    with pytest.raises(AmbiguousKernelError, match="reserved"):
        register_kernel(name, fake("x"))


def test_an_unusable_registration_is_refused_with_all_problems() -> None:
    """A wrong call must fail where it is made."""
    with pytest.raises(KernelContractError) as caught:
        register_kernel(cast(Any, "a b"), cast(Any, 4), options=cast(Any, 5))

    assert len(caught.value.problems) == 3
    registrar = KernelRegistrar()
    registrar.add_kernel("twice", fake("twice"))
    with pytest.raises(KernelContractError, match="registered twice"):
        registrar.add_kernel("Twice", fake("twice"))


def test_a_reserved_name_of_a_stranger_neither_wins_nor_disturbs(site: Path) -> None:
    """A hostile or careless plugin must not become somebody's default kernel."""
    add_plugin(site, "ray", COMPLETE, distribution="evil-ray")
    add_plugin(site, "mock", COMPLETE, distribution="evil-mock")

    with pytest.raises(AmbiguousKernelError, match=r"reserved for sage-kernel-ray.*evil-ray"):
        resolve_kernel("ray")
    claims = [one for one in available_kernels(refresh=True) if one.name == "mock"]
    assert [bool(one.problems) for one in claims] == [True, False]
    assert "evil_mock_plugin" not in sys.modules


def test_an_unknown_name_shows_the_nearest_and_the_line_to_install(site: Path) -> None:
    """A slip of the finger must cost seconds."""
    add_plugin(site, "echo", COMPLETE)

    with pytest.raises(KernelNotFoundError, match="Did you mean 'default'"):
        resolve_kernel("defualt")
    with pytest.raises(KernelNotFoundError, match=r"echo.*pip install sage-kernel-ray"):
        resolve_kernel("ray")


def plugin_error(site: Path, kernel: str, text: str, error: type[Exception]) -> str:
    add_plugin(site, kernel, text)
    with pytest.raises(error) as caught:
        resolve_kernel(kernel)
    return str(caught.value)


def test_a_plugin_must_register_the_name_of_its_entry_point(site: Path) -> None:
    """Otherwise `list` would show what cannot be chosen."""
    other = COMPLETE.replace("@NAME@", "other")
    message = plugin_error(site, "named-so", other, KernelContractError)
    assert "registers 'other', not 'named-so'" in message


def test_a_misspelt_hook_is_found(site: Path) -> None:
    """Pluggy alone lets it pass, and the kernel would be missing without a word."""
    text = COMPLETE.replace("def sage_kernel_register", "def sage_kernel_regster")
    message = plugin_error(site, "misspelt", text, KernelContractError)
    assert "sage_kernel_regster" in message
    assert "Did you mean 'sage_kernel_register'" in message


def test_a_plugin_without_a_hook_or_with_a_wrong_parameter_is_told(site: Path) -> None:
    """The author must learn what a plugin consists of."""
    text = "x = 1\n"
    assert "implements no hook" in plugin_error(site, "hookless", text, KernelContractError)
    text = COMPLETE.replace("(registrar)", "(registry)")
    assert "registry" in plugin_error(site, "astray", text, KernelContractError)


def test_a_missing_dependency_comes_with_the_line_to_install_it(site: Path) -> None:
    """The user of an extra must not have to guess its name."""
    add_plugin(site, "needy", "import no_such_lib\n", distribution="needy-kernel")
    info = site / "needy_kernel-1.0.dist-info" / "METADATA"
    extra = "Provides-Extra: fast\nRequires-Dist: no-such-lib>=1; extra == 'fast'\n"
    info.write_text(info.read_text() + extra)

    with pytest.raises(KernelLoadError, match=r'pip install "needy-kernel\[fast\]"') as caught:
        resolve_kernel("needy")

    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert "needy-kernel 1.0" in str(caught.value)


def test_what_a_factory_raises_is_the_cause_of_our_error(site: Path) -> None:
    """A kernel that cannot start must say why, and never make way for another."""
    text = COMPLETE.replace("def __init__(self):", "def __init__(self):\n        raise OSError(5)")
    add_plugin(site, "unlucky", text)

    with pytest.raises(KernelLoadError, match="could not be made: OSError: 5") as caught:
        resolve_kernel("unlucky")

    assert isinstance(caught.value.__cause__, OSError)


def test_options_of_a_kernel_that_has_none_are_refused(site: Path) -> None:
    """An option that is ignored in silence is worse than none."""
    add_plugin(site, "plain", COMPLETE)

    with pytest.raises(KernelSpecError, match="there are no options"):
        resolve_kernel("plain?lanes=4")
    assert describe_kernel("plain").summary == "a fake"
    assert describe_kernel("plain").api_version == "1.0"


def test_unreadable_entry_points_hide_no_other_kernel(site: Path) -> None:
    """One damaged folder must not take all kernels away."""
    add_plugin(site, "fine", COMPLETE)
    add_distribution(site, "garbled", "")
    (site / "garbled-1.0.dist-info" / "entry_points.txt").write_bytes(b"[sage_kernel\xff\xfe")
    add_distribution(site, "half", "[sage_kernel.kernels]\nno equals sign\nhalf = half_plugin\n")

    assert resolve_kernel("fine").name == "fine"
    problems = {one.distribution: one.problems for one in available_kernels(refresh=True)}
    assert "broken metadata" in problems["garbled"][0]
    with pytest.raises(KernelNotFoundError, match="garbled"):
        resolve_kernel("nothing-of-that-name")
