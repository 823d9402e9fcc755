"""What is said of a plugin that cannot be used: the fact, the cause, and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sage_kernel_api.errors import (
    AmbiguousKernelError,
    KernelContractError,
    KernelError,
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
from tests.plugins.fake_kernel import COMPLETE, add_distribution

_HOOK = "    registrar.add_kernel("
_EXTRA = (
    "Provides-Extra: slow\nProvides-Extra: fast\nRequires-Dist: other; extra == 'slow'\n"
    'Requires-Dist: plain-requirement>1\nRequires-Dist: No-Lib>=1; extra == "fast"\n'
)


def install(
    site: Path, kernel: str, text: str | None, *, value: str = "", requires: str = ""
) -> None:
    """Write a distribution ``fake-KERNEL`` whose module has *text*, or no module at all."""
    module = f"fake_{kernel}_plugin"
    if text is not None:
        (site / f"{module}.py").write_text(text.replace("@NAME@", kernel), encoding="utf-8")
    entries = f"[sage_kernel.kernels]\n{kernel} = {value or module}\n"
    add_distribution(site, f"fake-{kernel}", entries, requires=requires)


def refusal(kernel: str) -> KernelError:
    with pytest.raises(KernelError) as caught:
        resolve_kernel(kernel)
    return caught.value


_IMPORT: dict[str, tuple[str | None, str, str, str]] = {
    # kernel: text of its module, value of its entry point, requirements, what is said
    "gone": (
        None,
        "",
        "",
        (
            "ModuleNotFoundError: No module named 'fake_gone_plugin'. Its own module is missing: "
            "pip install --force-reinstall fake-gone"
        ),
    ),
    "part": (
        None,
        "fake_part.sub:kernel",
        "",
        (
            "ModuleNotFoundError: No module named 'fake_part'. Its own module is missing: pip "
            "install --force-reinstall fake-part"
        ),
    ),
    "attribute": (
        "class Holder: pass\n",
        "fake_attribute_plugin:Holder.kernel",
        "",
        "AttributeError: type object 'Holder' has no attribute 'kernel'.",
    ),
    "needs": (
        "import no_lib.sub\n",
        "",
        "",
        "ModuleNotFoundError: No module named 'no_lib'. Try: pip install no_lib",
    ),
    "extra": (
        "import no_lib\n",
        "",
        _EXTRA,
        "ModuleNotFoundError: No module named 'no_lib'. Try: pip install \"fake-extra[fast]\"",
    ),
    "required": (
        "import plain_requirement\n",
        "",
        _EXTRA,
        (
            "ModuleNotFoundError: No module named 'plain_requirement'. Try: pip install "
            "plain_requirement"
        ),
    ),
    "nameless": (
        "raise ModuleNotFoundError('somewhere')\n",
        "",
        "",
        "ModuleNotFoundError: somewhere.",
    ),
    "hapless": ("raise ImportError('no\\n   luck ')\n", "", "", "ImportError: no luck."),
    "silent": ("raise SystemExit\n", "", "", "SystemExit."),
    "mute": (
        "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute\n",
        "",
        "",
        "Mute: its message cannot be shown.",
    ),
}


@pytest.mark.parametrize("kernel", _IMPORT)
def test_a_plugin_that_cannot_be_imported_is_told_with_its_cause(site: Path, kernel: str) -> None:
    """The user who installed it has to learn whether to reinstall, to add, or to complain."""
    text, value, requires, said = _IMPORT[kernel]
    install(site, kernel, text, value=value, requires=requires)

    error = refusal(kernel)

    assert isinstance(error, KernelLoadError)
    assert error.__cause__ is not None
    assert str(error) == (
        f"Kernel {kernel!r} is installed (fake-{kernel} 1.0) but cannot be imported: {said}"
    )


def test_a_syntax_error_is_told_with_its_place(site: Path) -> None:
    """The words `invalid syntax` name no file."""
    install(site, "syntax", "\nx = = 1\n")

    assert f"SyntaxError: invalid syntax ({site / 'fake_syntax_plugin.py'}:2)." in str(
        refusal("syntax")
    )


@pytest.mark.parametrize("value", ["fake-x plugin", "1st", "a:b:c", "a..b", "a:", ":b"])
def test_an_entry_point_that_names_no_module_is_the_distributions_fault(
    site: Path, value: str
) -> None:
    """Nobody should search in their own installation for it."""
    install(site, "astray", None, value=value)

    assert str(refusal("astray")) == (
        f"Kernel 'astray' of fake-astray 1.0 names {value!r}, which is neither 'module' nor "
        "'module:attribute'. This is a fault of that distribution."
    )


@pytest.mark.parametrize(
    "value", ["fake_holder_plugin:Holder.plugin", "fake_holder_plugin : Holder.plugin [extra]"]
)
def test_a_plugin_may_be_an_attribute_of_a_module(site: Path, value: str) -> None:
    """Entry points may name objects, with dots, and with extras that nobody needs any more."""
    body = COMPLETE.replace("def sage_kernel_register(registrar)", "def hook(registrar)")
    head, _, hook = body.rpartition("@hookimpl")
    method = "    @staticmethod\n    @hookimpl\n    def sage_kernel_register(registrar):\n"
    text = f"{head}\nclass Plugin:\n{method}    {hook.splitlines()[-1]}\n"
    install(site, "holder", f"{text}\nclass Holder:\n    plugin = Plugin()\n", value=value)

    assert resolve_kernel("holder").name == "holder"


_HOOKS: dict[str, tuple[str, type[KernelError], str]] = {
    "exits": (
        COMPLETE.replace(_HOOK, f"    raise SystemExit(4)\n{_HOOK}"),
        KernelLoadError,
        (
            "Kernel 'exits' is installed (fake-exits 1.0) but its sage_kernel_register() failed: "
            "SystemExit: 4."
        ),
    ),
    "raises": (
        COMPLETE.replace(_HOOK, f"    import no_lib\n{_HOOK}"),
        KernelLoadError,
        (
            "Kernel 'raises' is installed (fake-raises 1.0) but its sage_kernel_register() failed: "
            "ModuleNotFoundError: No module named 'no_lib'. Try: pip install no_lib"
        ),
    ),
    "ours": (
        COMPLETE.replace(_HOOK, f"    registrar.add_kernel('', Kernel)\n{_HOOK}"),
        KernelContractError,
        "Kernel '' cannot be registered:\n  - the kernel name is empty",
    ),
    "nothing": (
        COMPLETE.replace(_HOOK, f"    return\n{_HOOK}"),
        KernelContractError,
        (
            "Plugin 'nothing' of fake-nothing 1.0 registers nothing, not 'nothing'. Write: "
            "registrar.add_kernel('nothing', ...), or rename its entry point."
        ),
    ),
    "others": (
        COMPLETE.replace("@NAME@", "a") + f"{_HOOK}'b', Kernel)\n",
        KernelContractError,
        (
            "Plugin 'others' of fake-others 1.0 registers 'a', 'b', not 'others'. Write: "
            "registrar.add_kernel('others', ...), or rename its entry point."
        ),
    ),
    "more": (
        COMPLETE + f"{_HOOK}'b', Kernel)\n{_HOOK}'c', Kernel)\n",
        KernelContractError,
        (
            "Plugin 'more' of fake-more 1.0 registers 'b', 'c' without an entry point of that "
            "name. Add it to its entry-point group, or leave it out."
        ),
    ),
    "misspelt": (
        COMPLETE.replace("def sage_kernel_register", "def sage_kernel_regster"),
        KernelContractError,
        (
            "Plugin 'misspelt' of fake-misspelt 1.0 implements hooks that do not exist: "
            "sage_kernel_regster. Did you mean 'sage_kernel_register'?"
        ),
    ),
    "strange": (
        COMPLETE + "@hookimpl\ndef zzz(): pass\n@hookimpl\ndef qqq(): pass\n",
        KernelContractError,
        "Plugin 'strange' of fake-strange 1.0 implements hooks that do not exist: qqq, zzz.",
    ),
    "hookless": (
        "x = 1\n",
        KernelContractError,
        (
            "Plugin 'hookless' of fake-hookless 1.0 implements no hook. Mark a function with "
            "@hookimpl; known are sage_kernel_register."
        ),
    ),
    "twice": (
        COMPLETE + f"{_HOOK}'Twice', Kernel)\n",
        KernelContractError,
        "Kernel 'twice' is registered twice by one plugin.",
    ),
}


@pytest.mark.parametrize("kernel", _HOOKS)
def test_a_plugin_that_registers_wrongly_is_told_what_to_write(site: Path, kernel: str) -> None:
    """Its author sees the first run of a user, and must understand it."""
    text, kind, said = _HOOKS[kernel]
    install(site, kernel, text)

    error = refusal(kernel)

    assert type(error) is kind
    assert str(error) == said


def test_a_hook_with_a_strange_parameter_is_told_which(site: Path) -> None:
    """Pluggy's own words are on three lines; ours are on one."""
    text = COMPLETE.replace("(registrar)", "(registry)").replace("registrar.", "registry.")
    install(site, "param", text)

    assert str(refusal("param")) == (
        "Plugin 'param' of fake-param 1.0 has a wrong hook: Plugin 'fake_param_plugin' for hook "
        "'sage_kernel_register'; hookimpl definition: sage_kernel_register(registry); Argument(s) "
        "{'registry'} are declared in the hookimpl but can not be found in the hookspec"
    )


def test_one_plugin_may_offer_all_kernels_of_its_entry_points(site: Path) -> None:
    """Variants of one engine live in one module."""
    text = COMPLETE + f"{_HOOK}'Second', lambda: 4)\n"
    entries = "[sage_kernel.kernels]\nfirst = both_plugin\nSECOND=both_plugin\n"
    (site / "both_plugin.py").write_text(text.replace("@NAME@", "first"), encoding="utf-8")
    add_distribution(site, "fake-both", entries)

    assert resolve_kernel("first").name == "first"
    assert "int lacks `name`" in str(refusal("second"))


@pytest.mark.parametrize("interrupted", ["import", "hook", "factory", "getter"])
def test_ctrl_c_is_never_taken_for_a_fault_of_the_plugin(site: Path, interrupted: str) -> None:
    """Whoever interrupts a slow start wants it to end, not a report."""
    stop = "raise KeyboardInterrupt"
    text = {
        "import": f"{stop}\n",
        "hook": COMPLETE.replace(_HOOK, f"    {stop}\n{_HOOK}"),
        "factory": COMPLETE.replace("__init__(self):", f"__init__(self):\n        {stop}"),
        "getter": COMPLETE.replace(
            'api_version = "1.0"', f"@property\n    def api_version(self): {stop}"
        ),
    }[interrupted]
    install(site, "slow", text)

    with pytest.raises(KeyboardInterrupt):
        resolve_kernel("slow")


def test_an_error_of_ours_from_a_factory_passes_as_it_is(site: Path) -> None:
    """A kernel that refuses its options has said what is wrong already."""
    text = COMPLETE.replace(
        "def __init__(self):",
        "def __init__(self):\n        from sage_kernel_api.errors import ConfigurationError\n"
        "        raise ConfigurationError('the disk is full of bees')",
    )
    install(site, "bees", text)

    assert str(refusal("bees")) == "the disk is full of bees"


def test_a_factory_that_fails_is_told(site: Path) -> None:
    """The cause must reach the user who chose the kernel."""
    text = COMPLETE.replace("def __init__(self):", "def __init__(self):\n        raise OSError(5)")
    install(site, "fails", text)

    assert str(refusal("fails")) == "Kernel 'fails' could not be made: OSError: 5."


def test_an_unknown_name_is_answered_with_all_that_there_is(site: Path) -> None:
    """The list ends where nobody would read on, and says how much was left out."""
    for number in range(17):
        add_distribution(site, f"fake-{number}", f"[sage_kernel.kernels]\na{number:02} = x\n")
    names = ", ".join(f"a{number:02}" for number in range(17))

    shown = str(refusal("zzz"))
    assert shown == (
        f"No kernel named 'zzz' (from the argument). Installed: {names}, default, mock."
    )
    register_kernel("n1", lambda: pytest.fail("never made"))
    try:
        assert str(refusal("zzz")) == shown[:-1] + ", n1."
        register_kernel("n2", lambda: pytest.fail("never made"))
        register_kernel("n3", lambda: pytest.fail("never made"))
        assert str(refusal("zzz")) == shown[:-1] + ", n1 and 2 more."
    finally:
        for name in ("n1", "n2", "n3"):
            unregister_kernel(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mokc", " Did you mean 'mock'?"),
        ("rai", " Did you mean 'ray'? Try: pip install sage-kernel-ray"),
        ("ray", " Try: pip install sage-kernel-ray"),
        ("x" * 100, ""),
    ],
)
def test_the_nearest_name_is_offered(site: Path, name: str, hint: str) -> None:
    """A slip of the finger must cost seconds."""
    assert str(refusal(name)) == (
        f"No kernel named {name!r} (from the argument). Installed: default, mock.{hint}"
    )


def test_a_reserved_name_is_refused_with_the_rightful_owner(site: Path) -> None:
    """The user wanted the real one, and must not get another's."""
    for owner in ("evil-a", "evil-b"):
        add_distribution(site, owner, "[sage_kernel.kernels]\nRay = evil\n")

    assert str(refusal("ray")) == (
        "Kernel 'ray' (from the argument) is reserved for sage-kernel-ray, but offered by evil-a "
        "1.0 and evil-b 1.0. Try: pip install sage-kernel-ray"
    )
    (one, other) = (info for info in available_kernels(refresh=True) if info.name == "ray")
    assert one.problems == other.problems == ("the name 'ray' is reserved for sage-kernel-ray",)


@pytest.mark.parametrize("owner", ["sage-kernel-ray", "Sage_Kernel.Ray", "sage--kernel-_ray"])
def test_the_owner_of_a_reserved_name_may_be_written_in_any_form(site: Path, owner: str) -> None:
    """Packaging tools take these for one distribution, and so must we."""
    add_distribution(site, owner, "[sage_kernel.kernels]\nray = real_ray\n")

    assert "cannot be imported: ModuleNotFoundError: No module named 'real_ray'" in str(
        refusal("ray")
    )


def test_a_name_that_two_offer_is_refused_with_both(site: Path) -> None:
    """Which one ran would depend on the order of sys.path."""
    for owner in ("b-owner", "a-owner"):
        add_distribution(site, owner, "[sage_kernel.kernels]\nboth = x\n")

    error = refusal("both")

    assert isinstance(error, AmbiguousKernelError)
    assert str(error) == (
        "Kernel 'both' is offered by a-owner 1.0 and b-owner 1.0. Uninstall all but one."
    )
    shown = {
        info.distribution: info.problems for info in available_kernels() if info.name == "both"
    }
    assert shown == {
        "a-owner": ("duplicate name: b-owner 1.0 offers 'both', too",),
        "b-owner": ("duplicate name: a-owner 1.0 offers 'both', too",),
    }


def test_what_is_installed_after_a_registration_is_a_conflict(site: Path) -> None:
    """A notebook that registered `mine` must learn that `pip install` brought another `mine`."""
    register_kernel("mine", lambda: pytest.fail("never made"))
    try:
        add_distribution(site, "other", "[sage_kernel.kernels]\nmine = x\n")
        available_kernels(refresh=True)

        assert str(refusal("mine")) == (
            "Kernel 'mine' is offered by other 1.0 and register_kernel() in this process. "
            "Uninstall all but one."
        )
    finally:
        unregister_kernel("MINE")


def taken(name: str) -> str:
    with pytest.raises(AmbiguousKernelError) as caught:
        register_kernel(name, lambda: pytest.fail("never made"))
    return str(caught.value)


def test_a_name_that_is_taken_cannot_be_registered(site: Path) -> None:
    """What an earlier line of a program got must not change by a later one."""
    add_distribution(site, "other", "[sage_kernel.kernels]\nmine = x\n")
    available_kernels(refresh=True)
    register_kernel("own", lambda: pytest.fail("never made"))
    try:
        end = ". Choose another one."
        assert taken("Mine") == (
            f"Kernel 'mine' cannot be registered: the name belongs to other 1.0{end}"
        )
        assert taken("own") == (
            "Kernel 'own' cannot be registered: the name belongs to register_kernel() in this "
            f"process{end}"
        )
        assert taken("Ray") == (
            "Kernel 'ray' cannot be registered: the name belongs to sage-kernel-ray, for which it "
            f"is reserved{end}"
        )
    finally:
        unregister_kernel("own")


@dataclass(frozen=True)
class Demanding:
    lanes: int
    speed: int = 1


def test_a_wrong_registration_says_all_that_is_wrong() -> None:
    """It is a line of the user's own program."""
    with pytest.raises(KernelContractError) as caught:
        register_kernel(4, "x", options=5)  # type: ignore[call-overload]  # what is tested
    with pytest.raises(KernelContractError) as named:
        KernelRegistrar().add_kernel("a b", 4)  # type: ignore[call-overload]  # what is tested

    assert str(caught.value) == (
        "Kernel 4 cannot be registered:\n  - name must be text, not int\n"
        "  - factory must be callable, not str\n  - options must be a class, not int"
    )
    assert str(named.value) == (
        "Kernel 'a b' cannot be registered:\n  - the kernel name contains ' '; letters, digits, "
        "'.', '_' and '-' are allowed\n  - factory must be callable, not int"
    )


def test_a_registered_kernel_is_listed_with_its_factory() -> None:
    """`sage-kernel list` in a notebook must say where a kernel comes from."""

    class Factory:
        def __call__(self, options: Demanding) -> Any:
            pytest.fail("never made")

    register_kernel("z-one", Factory(), options=Demanding, summary="one")
    register_kernel("y-two", refusal)  # type: ignore[arg-type]  # only its name is looked at
    try:
        shown = [info for info in available_kernels() if info.origin == "registered"]
        assert [(info.name, info.value, info.problems) for info in shown] == [
            ("y-two", f"{__name__}:refusal", ()),
            ("z-one", f"{__name__}:{Factory.__qualname__}", ()),
        ]
        assert {info.distribution + info.version for info in shown} == {""}
    finally:
        unregister_kernel("z-one")
        unregister_kernel("y-two")


def test_a_kernel_with_required_options_is_described_but_not_made(site: Path) -> None:
    """`sage-kernel info` must work for a kernel that needs an address."""
    text = COMPLETE.replace(
        f'{_HOOK}"@NAME@", Kernel',
        f'{_HOOK}"@NAME@", lambda options: Kernel(), options=Options',
    ).replace(
        "@hookimpl",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\n"
        "class Options:\n    lanes: int\n\n@hookimpl",
    )
    install(site, "needy", text)

    found = describe_kernel("needy")
    made = describe_kernel("needy?lanes=2")

    assert (found.info.distribution, found.summary) == ("fake-needy", "a fake")
    assert [option.name for option in found.options] == ["lanes"]
    assert (found.api_version, found.capabilities) == ("", frozenset())
    assert made.api_version == "1.0"
    assert str(refusal("needy")) == (
        "Kernel spec 'needy' (from the argument) cannot be used:\n"
        "  - option 'lanes' is required: whole number"
    )


def test_a_kernel_is_described_with_all_that_it_says_of_itself() -> None:
    """Users compare kernels by it before they choose one."""
    register_kernel("words", lambda: resolve_kernel("mock"), summary="in my words")
    try:
        with pytest.raises(KernelContractError, match="registered as 'words'"):
            resolve_kernel("words")
    finally:
        unregister_kernel("words")
    found, kernel = describe_kernel("mock"), resolve_kernel("mock")

    assert found.capabilities == kernel.capabilities != frozenset()
    assert found.api_version == kernel.api_version


def test_a_kernel_without_options_says_so_with_the_spec(site: Path) -> None:
    """The heading tells which of several specs it was."""
    install(site, "bare", COMPLETE)

    assert str(refusal("bare?lanes=4")) == (
        "Kernel spec 'bare?lanes=4' (from the argument) cannot be used:\n"
        "  - column 6: unknown option 'lanes'; there are no options"
    )


def test_describing_shuts_the_kernel_down_again(site: Path) -> None:
    """A look at a kernel must not leave its threads behind."""
    text = COMPLETE.replace("def shutdown(self): pass", "def shutdown(self): ended.append(self)")
    install(site, "ends", "ended = []\n" + text)

    describe_kernel("ends")

    import fake_ends_plugin  # type: ignore[import-not-found]

    assert len(fake_ends_plugin.ended) == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            4,
            (
                "A kernel is chosen by text such as 'default?key=value', or is a kernel object; "
                "int (from the argument) is neither."
            ),
        ),
        (Demanding, "'Demanding' (from the argument) is a class; give a kernel: Demanding()"),
        (
            "a b",
            (
                "'a b' is not a kernel spec:\n  - column 1: the kernel name contains ' '; letters, "
                "digits, '.', '_' and '-' are allowed\n(from the argument)"
            ),
        ),
        (
            "mock?zz=1",
            (
                "Kernel spec 'mock?zz=1' (from the argument) cannot be used:\n  - column 6: "
                "unknown option 'zz'; accepted are "
            ),
        ),
    ],
)
def test_what_cannot_choose_a_kernel_is_told_so(value: Any, said: str) -> None:
    """The argument may come from a variable of any kind."""
    with pytest.raises(KernelSpecError) as caught:
        resolve_kernel(value)

    # Which options the mock kernel has is none of this test.
    assert str(caught.value).startswith(said)
    assert value == "mock?zz=1" or str(caught.value) == said


def test_the_problems_of_a_spec_stay_apart_for_programs() -> None:
    """Editors show one mark per problem."""
    with pytest.raises(KernelSpecError) as caught:
        resolve_kernel("a b?x")

    assert len(caught.value.problems) == 2


def test_an_unregistered_name_cannot_be_chosen_any_more() -> None:
    """A test's kernel must not leak into the next test."""
    register_kernel("gone-soon", lambda: pytest.fail("never made"))

    assert unregister_kernel("Gone-Soon")
    assert not unregister_kernel("gone-soon")
    with pytest.raises(KernelNotFoundError):
        resolve_kernel("gone-soon")
