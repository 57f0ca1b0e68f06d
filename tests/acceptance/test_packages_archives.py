"""parrot_package_run with archives that others made: hostile, damaged, odd."""

from __future__ import annotations

import tarfile
from collections.abc import Callable

import pytest

from tests.support.packages import Packing
from tests.support.parrot import Parrot


@pytest.fixture
def local(parrot: Callable[..., Parrot]) -> Packing:
    """Jobs that use no repository."""
    return Packing(parrot())


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", **headers: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.pax_headers = headers
    member.type, member.linkname, member.mode = kind, target, 0o755
    return member


@pytest.mark.parametrize(
    "members",
    [
        [entry("../evil")],
        [entry("a/../../evil")],
        [entry("/evil")],
        [entry("a", tarfile.SYMTYPE, "/tmp"), entry("a/evil")],
        [entry("a", tarfile.LNKTYPE, "../evil")],
        [entry("a", tarfile.LNKTYPE, "/etc/passwd")],
        [entry("l", tarfile.SYMTYPE, "/etc/passwd"), entry("a", tarfile.LNKTYPE, "l")],
        [entry("null", tarfile.CHRTYPE)],
        [entry("a"), entry("a")],
        [entry("d/" * 100_000 + "a")],
        [entry("a", mtime="1e30")],
        [entry("a", mtime="inf")],
        [entry("d", tarfile.DIRTYPE, mtime="9" * 30 + ".5")],
    ],
    ids=[
        "dots",
        "inner dots",
        "absolute",
        "through a link",
        "link out",
        "hard link",
        "to a link",
        "device",
        "twice",
        "endless",
        "late",
        "never",
        "late directory",
    ],
)
def test_hostile_archives(local: Packing, members: list[tarfile.TarInfo]) -> None:
    package = local.home / "package.tar"
    with tarfile.open(package, "w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            tar.addfile(member)
    told = local.again(package, ["touch", str(local.home / "ran")])
    assert (told.status, told.stderr.count(b"\n"), b"refused" in told.stderr) == (1, 1, True)
    assert len(told.stderr) < 1000
    assert not list(local.home.rglob("*evil*"))
    assert not (local.home / "ran").exists()
    assert list((local.elsewhere / "s").iterdir()) == []


def test_a_damaged_archive(local: Packing) -> None:
    local.record(["true"]).expect()
    package = local.home / "package.tar.gz"
    local.create(package).expect()
    data = package.read_bytes()
    for damaged in (data[:-5000], data[:2000] + bytes(2000) + data[4000:], b"no archive at all"):
        package.write_bytes(damaged)
        told = local.again(package, ["true"])
        assert (told.status, told.stderr.count(b"\n")) == (1, 1)


def test_holes_that_are_no_numbers(local: Packing) -> None:
    package = local.home / "package.tar"
    with tarfile.open(package, "w", format=tarfile.PAX_FORMAT) as tar:
        member = entry("a")
        member.pax_headers = {"GNU.sparse.map": "a,b", "GNU.sparse.size": "5"}
        tar.addfile(member)
    told = local.again(package, ["true"])
    assert (told.status, told.stderr.count(b"\n"), b"damaged" in told.stderr) == (1, 1, True)


def test_a_very_deep_package_is_unpacked_and_goes_away(local: Packing) -> None:
    """More levels than Python has for recursion; what stayed would be in the way of each later run."""
    local.record(["true"]).expect()
    package = local.home / "package.tar"
    local.create(package).expect()
    with tarfile.open(package, "a", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(entry("d/" * 1500 + "a"))
    assert local.again(package, ["true"]).status == 0
    assert list((local.elsewhere / "s").iterdir()) == []
