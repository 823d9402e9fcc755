"""``sage-kernel savepoint`` shows what a file holds, without running anything of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sage_kernel_api.cli.app import cli
from sage_kernel_api.storage.savepoints import InstanceState, SavepointHeader, write_savepoint_file
from sage_kernel_api.storage.state_classes import state_class_of
from sage_kernel_api.storage.value_codec import ValueCodec
from tests.savepoints.jobs import GOLDEN
from tests.storage.value_names import Order

_GOLDEN = GOLDEN / "v1-parallelism-3.savepoint"


def run(*arguments: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(cli, ["savepoint", *arguments])
    return outcome.exit_code, outcome.output


def test_show_prints_steps_sizes_positions_and_epoch() -> None:
    """An operator decides by it whether this is the savepoint to go on from."""
    code, out = run("show", str(_GOLDEN))

    assert code == 0
    assert out.splitlines() == [
        "Job 'golden', epoch 7, by kernel 'default', 2023-11-14 22:13:20+00:00",
        f"{_GOLDEN.stat().st_size} bytes, all checksums right",
        "",
        "step   parallelism  keys  bytes  tables",
        "read   1            0     17     -",
        "total  3            24    270    count, seen",
        "write  1            0     13     -",
        "",
        "State of instances",
        "read[0]  position = ('lines.txt', 1234)",
        "total[0]  records inside: 28 bytes",
        "write[0]  to commit: [('part-7', 99)]",
    ]


def test_show_writes_json_for_scripts() -> None:
    """The same, for machines."""
    code, out = run("show", "--json", str(_GOLDEN))
    shown = json.loads(out)

    assert code == 0
    assert shown["epoch"] == 7
    assert shown["steps"]["total"]["tables"]["count"]["keys"] == 20
    assert shown["steps"]["read"]["instances"][0]["operator"] == {"position": "('lines.txt', 1234)"}


def test_objects_and_pickles_are_shown_by_size_only(tmp_path: Path) -> None:
    """R18: looking at a file must not run it."""
    path = tmp_path / "s"
    pickled = ValueCodec(pickle_key=b"0123456789abcdef").encode(object)
    # A name that no other test registers, which would make the class known to this process.
    unknown = state_class_of(Order, "shop.OrderOfAnotherProgram")
    order = ValueCodec(classes=[unknown]).encode(Order("tea"))
    state = InstanceState("s", 0, {"order": order, "pickle": pickled})
    write_savepoint_file(path, SavepointHeader("j", "k", 1, 0.0, {"s": 1}), [state])

    _, out = run("show", str(path))

    assert f"s[0]  order = ({len(order)} bytes)" in out
    assert f"s[0]  pickle = ({len(pickled)} bytes)" in out


@pytest.mark.parametrize("command", ["show", "verify"])
def test_a_damaged_savepoint_ends_with_exit_code_5(tmp_path: Path, command: str) -> None:
    """A script checks its archive."""
    path = tmp_path / "s"
    path.write_bytes(_GOLDEN.read_bytes()[:-1])

    code, out = run(command, str(path))

    assert code == 5
    assert out.startswith(f"Error: {path}: The savepoint is damaged")
    assert run(command, str(tmp_path / "none"))[0] == 5


def test_verify_says_that_a_good_one_is_good() -> None:
    """Silence could mean anything."""
    code, out = run("verify", str(_GOLDEN))

    assert code == 0
    assert out == f"{_GOLDEN} is good: {_GOLDEN.stat().st_size} bytes, 3 steps, epoch 7.\n"
