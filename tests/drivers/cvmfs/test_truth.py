"""The real repositories, path by path against their truth files."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from tests.drivers.cvmfs.conftest import VARIABLES, Site
from tests.drivers.cvmfs.truth import BASIC, REVISIONS, RMD, SHAKE, differences, load_truth, root_hash

Open = Callable[[RepositoryConfig], Repository]


@pytest.mark.parametrize(("name", "revision"), REVISIONS)
def test_every_path_is_what_the_truth_says(site: Site, real: Path, opened: Open, name: str, revision: str) -> None:
    pinned = root_hash(real / name, name, revision)
    repository = opened(site.config(name, root_hash=pinned if revision else None))
    assert differences(repository, load_truth(real / name, name, revision), VARIABLES) == []
    assert repository.root_hash == pinned


@pytest.mark.parametrize("name", [BASIC, SHAKE, RMD])
def test_warm_cache_gives_the_same_without_fetching_objects(site: Site, real: Path, opened: Open, name: str) -> None:
    truth = load_truth(real / name, name, "")
    assert differences(opened(site.config(name)), truth, VARIABLES) == []
    before = len(site.server.requests)
    assert differences(opened(site.config(name)), truth, VARIABLES) == []
    assert site.server.requests[before:] == [f"/cvmfs/{name}/.cvmfspublished", f"/cvmfs/{name}/.cvmfswhitelist"]


def test_nothing_is_fetched_twice(site: Site, real: Path, opened: Open) -> None:
    assert differences(opened(site.config(BASIC)), load_truth(real / BASIC, BASIC, ""), VARIABLES) == []
    assert len(site.server.requests) == len(set(site.server.requests))


def test_file_urls_need_no_server(site: Site, real: Path, opened: Open) -> None:
    config = site.config(
        SHAKE,
        urls=(f"file://{real}/{SHAKE}/www/{SHAKE}",),
        external_urls=(f"file://{real}/{SHAKE}/ext/{SHAKE}",),
    )
    assert differences(opened(config), load_truth(real / SHAKE, SHAKE, ""), VARIABLES) == []
    assert site.server.requests == []


def test_two_repositories_share_a_cache(site: Site, real: Path, opened: Open) -> None:
    first, second = opened(site.config(BASIC)), opened(site.config(RMD))
    for name, repository in ((BASIC, first), (RMD, second)):
        assert differences(repository, load_truth(real / name, name, ""), VARIABLES) == []


def test_bind_mountpoints_show_old_revisions_and_are_hidden(site: Site, real: Path, opened: Open) -> None:
    repository = opened(site.config(RMD))
    assert b".cvmfs" not in [entry.name for entry in repository.listdir(repository.lookup(b""))]
    snapshot = b"/.cvmfs/snapshots/first"
    shown = {path[len(snapshot) :]: inode for path, inode in repository.walk(snapshot)}
    truth = load_truth(real / RMD, RMD, ".rev1")
    assert shown.keys() == truth.keys()
    for path, inode in shown.items():
        if inode.is_regular:
            assert repository.read(snapshot + path) == opened(
                site.config(RMD, root_hash=root_hash(real / RMD, RMD, ".rev1"))
            ).read(path)
    assert len({inode.ino for inode in shown.values()} & {inode.ino for _, inode in repository.walk()}) == 0
