"""What is installed, as read from metadata that anybody may have written."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution
from importlib.metadata._meta import SimplePath
from pathlib import Path

import pytest

from sage_kernel_api.plugins import KernelInfo, available_kernels
from tests.plugins.fake_kernel import add_distribution


def listed(distribution: str = "") -> list[KernelInfo]:
    found = available_kernels(refresh=True)
    return [one for one in found if not distribution or one.distribution == distribution]


def test_an_entry_is_read_with_all_that_an_installer_may_write(site: Path) -> None:
    """Build tools differ in blanks, comments, extras and order."""
    text = (
        "# sage_kernel.kernels\nstray = x\n[console_scripts]\nsage = y\n"
        "[ sage_kernel.kernels ]\n; comment\n\n  Plain = pkg.mod  \n"
        "dotted=pkg.mod:Attr.more[fast,slow]\n#gone = z\n[other]\nlater = z\n"
        "[sage_kernel.kernels]\nagain = pkg=mod\n"
    )
    add_distribution(site, "tidy", text)

    assert [(one.name, one.value, one.version, one.problems) for one in listed("tidy")] == [
        ("again", "pkg=mod", "1.0", ()),
        ("dotted", "pkg.mod:Attr.more", "1.0", ()),
        ("plain", "pkg.mod", "1.0", ()),
    ]


@pytest.mark.parametrize("line", ["no equals sign", "= module", "name =", "=", "y" * 61])
def test_a_line_that_is_no_entry_is_shown_with_its_number(site: Path, line: str) -> None:
    """One bad line must be found, and must not hide the good ones."""
    add_distribution(site, "bad-line", f"[sage_kernel.kernels]\n\n{line}\ngood = x\n")

    wrong, good = sorted(listed("bad-line"), key=lambda one: not one.problems)

    assert wrong.problems == (
        f"line 3 of its entry_points.txt is not 'name = module': {line[:60]!r}",
    )
    assert (good.name, good.problems) == ("good", ())


def test_a_name_that_no_spec_could_have_is_told(site: Path) -> None:
    """It would be listed, and could never be chosen."""
    add_distribution(site, "blank", "[sage_kernel.kernels]\na b = x\n")

    (one,) = listed("blank")

    assert one.problems == (
        "the kernel name contains ' '; letters, digits, '.', '_' and '-' are allowed",
    )


@pytest.mark.parametrize(
    ("metadata", "distribution", "version", "problem"),
    [
        ("", "fake-half", "", "broken metadata: METADATA is missing or has no name"),
        ("Name: Half\n", "Half", "", "broken metadata: METADATA is missing or has no version"),
        ("Version: 3\n", "fake-half", "3", "broken metadata: METADATA is missing or has no name"),
    ],
)
def test_incomplete_metadata_is_told_and_named_as_well_as_can_be(
    site: Path, metadata: str, distribution: str, version: str, problem: str
) -> None:
    """The user has to know what to reinstall."""
    text = "[sage_kernel.kernels]\nhalf = x\nh b = x\n"
    add_distribution(site, "fake-half", text, metadata=metadata)

    found = listed(distribution)

    assert [(one.name, one.version) for one in found] == [("h b", version), ("half", version)]
    assert {one.problems for one in found} == {(problem,)}


def test_entry_points_that_are_no_text_are_told(site: Path) -> None:
    """Their kernels have no names that could be shown, but their folder has."""
    add_distribution(site, "gar-bled", "")
    (site / "gar_bled-1.0.dist-info" / "entry_points.txt").write_bytes(b"[sage\xff")

    (one,) = listed("gar-bled")

    assert (one.name, one.value, one.version, one.origin) == ("", "", "", "installed")
    assert one.problems == (
        (
            "broken metadata: UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position "
            "5: invalid start byte"
        ),
    )


def test_the_first_of_two_installations_hides_the_other(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python imports from the first one, so it must be the first one that is shown."""
    first, second = site / "first", site / "second"
    for folder in (first, second):
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))
    add_distribution(first, "over-lay", "[sage_kernel.kernels]\nold = x\n")
    add_distribution(second, "Over_Lay", "[sage_kernel.kernels]\nnew = x\n")
    add_distribution(first, "after", "[sage_kernel.kernels]\nafter = x\n")

    names = {one.name for one in listed() if one.origin == "installed"}

    assert {"new", "after"} <= names
    assert "old" not in names


def test_a_distribution_without_kernels_is_passed_over(site: Path) -> None:
    """Nearly all of them are such, and what is odd about them is none of our business."""
    add_distribution(site, "plain", "[console_scripts]\nx = y\n", metadata="")
    add_distribution(site, "silent", "")
    (site / "silent-1.0.dist-info" / "entry_points.txt").unlink()
    add_distribution(site, "zz-kernel", "[sage_kernel.kernels]\nzz = x\n")

    assert listed("plain") == listed("silent") == []
    assert len(listed("zz-kernel")) == 1


def test_metadata_is_read_again_when_the_path_changes_or_on_request(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading takes long with many distributions; what is old must still be found out."""

    def names() -> set[str]:
        return {one.name for one in available_kernels()}

    names()
    add_distribution(site, "newcomer", "[sage_kernel.kernels]\nnewcomer = x\n")
    assert "newcomer" not in names()
    assert "newcomer" in {one.name for one in available_kernels(refresh=True)}
    assert "newcomer" in names()

    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != str(site)])
    assert "newcomer" not in names()


def test_kernels_are_listed_by_name_and_then_by_owner(site: Path) -> None:
    """People look for a name in a list, and compare two lists."""
    for owner in ("b-owner", "a-owner"):
        add_distribution(site, owner, "[sage_kernel.kernels]\nzeta = x\nalpha = x\n")

    found = [(one.name, one.distribution) for one in listed()]

    assert found == sorted(found)
    assert [one for one in found if one[1].endswith("-owner")] == [
        ("alpha", "a-owner"), ("alpha", "b-owner"), ("zeta", "a-owner"), ("zeta", "b-owner"),
    ]  # fmt: skip


def test_an_installation_of_the_old_kind_is_named_by_its_folder(site: Path) -> None:
    """Development installs leave an `egg-info` folder, with more parts in its name."""
    info = site / "fake_egg-1.0-py3.11.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Version: 2\n")
    (info / "entry_points.txt").write_text("[sage_kernel.kernels]\negg = x\n")

    (one,) = listed("fake-egg")

    assert (one.name, one.version) == ("egg", "2")


class Odd(Distribution):
    """What an importer of another kind may offer, as zip files and frozen programs do."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read_text(self, filename: str) -> str | None:
        if filename == "entry_points.txt":
            return "[sage_kernel.kernels]\nodd = x\n"
        raise self.error

    def locate_file(self, path: object) -> SimplePath:
        raise NotImplementedError


class OddFinder:
    @staticmethod
    def find_spec(*_: object) -> None:
        """Find no module."""

    @staticmethod
    def find_distributions(_: object) -> list[Odd]:
        return [Odd(RuntimeError("no key"))]


def test_a_distribution_that_raises_anything_is_listed_as_broken(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's importer must not take the list away."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, OddFinder])

    (one,) = listed("unknown")

    assert (one.name, one.version) == ("odd", "")
    assert one.problems == ("broken metadata: RuntimeError: no key",)
