"""The tree that the catalogs make: names, links, numbers, and which catalogs are loaded."""

from __future__ import annotations

import errno
import os
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Variant
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.catalogs.links import Expander
from parrot_py.drivers.cvmfs.catalogs.rows import Mount
from parrot_py.drivers.cvmfs.catalogs.schema import path_key
from parrot_py.drivers.cvmfs.catalogs.tree import Tree
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import DIR, LINK, NESTED, NESTED_ROOT, Row
from tests.drivers.cvmfs.truth import BASIC

Open = Callable[[RepositoryConfig], Repository]


def test_a_nested_catalog_is_loaded_only_for_what_is_below_it(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC))
    listing = {entry.name: entry.inode for entry in repository.listdir(repository.lookup(b""))}
    assert listing[b"nested"].is_dir
    assert repository.lookup(b"/nested") == listing[b"nested"]
    assert site.server.count("*C") == 1
    before = repository.lookup(b"/nested")
    names = [entry.name for entry in repository.listdir(before)]
    assert b"a" in names
    assert site.server.count("*C") == 2
    assert repository.lookup(b"/nested") == before
    with pytest.raises(FileNotFoundError):
        repository.lookup(b"/nested/a/nothing")
    assert site.server.count("*C") == 3


def test_closed_catalogs_open_again_with_the_same_numbers(
    site: Site, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrot_py.drivers.cvmfs.catalogs.tree.OPEN_CATALOGS", 1)
    repository = opened(site.config(BASIC))
    first = dict(repository.walk())
    assert sum(mount.catalog.is_open for mount in repository.tree._mounts.values()) <= 2
    assert dict(repository.walk()) == first


@pytest.mark.parametrize(
    ("target", "expanded"),
    [
        (b"$(A)/x", b"1/x"),
        (b"$(NONE)x", b"x"),
        (b"$(NONE:-d)x", b"dx"),
        (b"$(EMPTY:-d)x", b"x"),
        (b"$(A)$(A:-z)", b"11"),
        (b"$(A", b"$(A"),
        (b"$A ${A} $", b"$A ${A} $"),
        (b"$(NONE:-a$(A)b)", b"a$(Ab)"),
        (b"$(CVMFS_FQRN)", b"r.test"),
        (b"a$()b", b"ab"),
    ],
)
def test_variables_in_links(target: bytes, expanded: bytes) -> None:
    assert Expander({"A": "1", "EMPTY": "", "CVMFS_FQRN": "r.test"})(target) == expanded


def test_raw_links(forged: Forged, opened: Open) -> None:
    forged.forge.publish([Row(b"/l", LINK, symlink=b"$(MINE)/$(CVMFS_ARCH)")])
    inode = opened(forged.config(variables={"MINE": "m"}, raw_links=True)).lookup(b"/l")
    assert (inode.target, inode.size) == (b"$(MINE)/$(CVMFS_ARCH)", 21)


def test_links_that_depend_on_the_caller(forged: Forged, opened: Open) -> None:
    rows = [Row(b"/l", LINK, symlink=b"$(MINE:-d)/$(CVMFS_FQRN)"), Row(b"/plain", LINK, symlink=b"x")]
    forged.forge.publish(rows)
    repository = opened(forged.config(variables={"MINE": "m"}, caller_variables=True))
    target, name = repository.lookup(b"/l").target, forged.forge.name.encode()
    assert isinstance(target, Variant)
    assert target == b"m/" + name
    assert target.expand({b"MINE": b"yours", b"CVMFS_FQRN": b"no"}) == b"yours/" + name
    assert target.expand({b"MINE": b""}) == b"/" + name
    assert type(repository.lookup(b"/plain").target) is bytes


def test_provided_variables(forged: Forged, opened: Open) -> None:
    row = Row(b"/l", LINK, symlink=b"$(CVMFS_FQRN)/$(CVMFS_ARCH)/$(MINE)")
    forged.forge.publish([row])
    inode = opened(forged.config(variables={"MINE": "m", "CVMFS_FQRN": "no"})).lookup(b"/l")
    assert inode.target == f"{forged.forge.name}/{os.uname().machine}/m".encode()
    assert inode.size == len(inode.target)


def test_hard_link_groups_are_per_catalog(forged: Forged, opened: Open) -> None:
    def linked(path: bytes, group: int) -> Row:
        return forged.forge.file(path, b"same", hardlinks=group << 32 | 2)

    below = [Row(b"/n", NESTED_ROOT), linked(b"/n/a", 1), linked(b"/n/b", 1)]
    nested = forged.forge.catalog(below, properties={"root_prefix": "/n"})
    rows = [Row(b"/n", NESTED), linked(b"/a", 1), linked(b"/b", 1), linked(b"/c", 0xFFFFFFFF - (1 << 32))]
    forged.forge.publish(rows, nested={"/n": nested})
    repository = opened(forged.config())
    inos = {path: inode.ino for path, inode in repository.walk()}
    assert inos[b"/a"] == inos[b"/b"] != inos[b"/n/a"] == inos[b"/n/b"]
    assert len(set(inos.values())) == len(inos) - 2
    assert repository.lookup(b"/a").nlink == 2


def test_the_root_can_be_a_directory_of_the_repository(site: Site, opened: Open) -> None:
    whole, part = opened(site.config(BASIC)), opened(site.config(BASIC, subpath=b"/nested/a"))
    root = part.lookup(b"")
    assert (root.path, root.ino) == (b"", 256)
    shown = {path: inode.size for path, inode in part.walk()}
    assert shown == {path[len(b"/nested/a") :]: inode.size for path, inode in whole.walk(b"/nested/a")}
    with pytest.raises(FileNotFoundError):
        part.lookup(b"/README")


def test_names_that_are_not_there(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC))
    for path, code in [
        (b"/none", errno.ENOENT),
        (b"/none/below", errno.ENOENT),
        (b"/README/below", errno.ENOTDIR),
        (b"/README/below/deeper", errno.ENOTDIR),
        (b"/nested/none", errno.ENOENT),
    ]:
        for _ in range(2):
            with pytest.raises(OSError, match="Errno") as failed:
                repository.lookup(path)
            assert failed.value.errno == code


def test_path_hashes_are_little_endian_and_signed() -> None:
    assert path_key(b"/foo/bar") == (-2822516800166431715, 9048809318629099454)


def test_only_the_first_name_of_a_directory_walks_the_catalogs(
    forged: Forged, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge = forged.forge
    files = [forge.file(b"/d/e/%d" % n, b"x") for n in range(50)]
    forge.publish([Row(b"/d", DIR), Row(b"/d/e", DIR), *files])
    repository = opened(forged.config())
    steps: list[bytes] = []
    within = Tree.within

    def noted(tree: Tree, mount: Mount, path: bytes) -> Mount:
        steps.append(path)
        return within(tree, mount, path)

    monkeypatch.setattr(Tree, "within", noted)
    for n in range(50):
        assert repository.lookup(b"/d/e/%d" % n).size == 1
    assert steps == [b"/d", b"/d/e"]
