"""Caches of other clients: filled in the real client's layout, or only read; with nothing of ours in them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from tests.drivers.cvmfs import walker
from tests.drivers.cvmfs.conftest import Site
from tests.drivers.cvmfs.truth import BASIC, RMD, SHAKE, load_truth

Open = Callable[[RepositoryConfig], Repository]
OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{38}(-rmd160|-shake128)?")


@pytest.fixture(params=[BASIC, SHAKE, RMD])
def name(request: pytest.FixtureRequest) -> str:
    """Each of the real repositories."""
    return str(request.param)


@pytest.fixture
def alien(site: Site) -> Callable[[str], RepositoryConfig]:
    """The configuration for an alien cache."""
    return lambda name: site.config(name, alien=True, workspace=site.cache.parent / "workspace")


def check(repository: Repository, real: Path, name: str) -> None:
    """Read everything, twice, and compare."""
    for path, fact in load_truth(real / name, name, "").items():
        if fact["type"] == "file":
            for _ in range(2):
                assert hashlib.sha256(repository.read(path)).hexdigest() == fact["sha256"]


def test_the_layout_is_that_of_the_real_client(
    site: Site, opened: Open, real: Path, alien: Callable[[str], RepositoryConfig], name: str
) -> None:
    check(opened(alien(name)), real, name)
    for path in site.cache.rglob("*"):
        relative, mode = str(path.relative_to(site.cache)), stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o770
            assert re.fullmatch("[0-9a-f]{2}|txn", relative)
        elif relative == f"cvmfschecksum.{name}":
            assert mode == 0o600
        elif path.parent.name == "txn":
            assert path.name == ".parrot"  # the locks
        else:
            assert OBJECT.fullmatch(relative)
            assert mode == 0o660
            assert path.stat().st_size
    folders = {path.name for path in site.cache.glob("??")}
    assert folders == {path.parent.name for path in site.cache.glob("??/*")}  # made when they are needed


def test_what_is_in_it_is_what_it_is_called(
    site: Site, opened: Open, real: Path, alien: Callable[[str], RepositoryConfig], name: str
) -> None:
    check(opened(alien(name)), real, name)
    data, checked = real / name / "www" / name / "data", 0
    for path in site.cache.glob("??/*"):
        folder = data / path.parent.name
        for file in (folder / f"{path.name}{kind}" for kind in ("", "C", "X", "P")):
            if file.exists():
                stored = file.read_bytes()
                assert path.read_bytes() in (stored, zlib.decompress(stored) if stored[:1] == b"x" else stored)
                checked += 1
    assert checked > 5


def test_it_is_read_with_no_server(
    site: Site, opened: Open, real: Path, alien: Callable[[str], RepositoryConfig], name: str
) -> None:
    check(opened(alien(name)), real, name)
    before = site.server.count("*/data/*")
    check(opened(alien(name)), real, name)
    assert site.server.count("*/data/*") == before


@pytest.fixture
def preloaded(site: Site, opened: Open, real: Path, name: str) -> Iterator[Path]:
    """A cache of the real layout that nobody may write, and whose server is gone."""
    config = site.config(name, alien=True, workspace=site.cache.parent / "first")
    check(opened(config), real, name)
    shutil.rmtree(site.cache.parent / "first")
    shutil.rmtree(site.cache / "txn")
    made = [site.cache, *site.cache.rglob("*")]
    for path in made:
        path.chmod(0o555 if path.is_dir() else 0o444)
    site.server.stop()
    yield site.cache
    for path in made:
        if path.is_dir():
            path.chmod(0o700)


@pytest.mark.parametrize("proxies", [(("DIRECT",),), (("http://INVALID-PROXY:3128",),)])
@pytest.mark.parametrize("as_lower", [False, True])
def test_a_read_only_cache_serves_everything_without_a_server(
    site: Site,
    opened: Open,
    real: Path,
    name: str,
    preloaded: Path,
    monkeypatch: pytest.MonkeyPatch,
    proxies: tuple[tuple[str, ...], ...],
    as_lower: bool,
) -> None:
    # Root may write everywhere, whatever the modes say.
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and not (
        mode & os.W_OK and str(path).startswith(str(preloaded))))  # fmt: skip
    before = sorted(preloaded.rglob("*"))
    workspace = site.cache.parent / "workspace"
    config = site.config(name, workspace=workspace, proxies=proxies, max_retries=0, alien=not as_lower)
    if as_lower:
        config = config._replace(cache_dir=site.cache.parent / "upper", lower_cache=preloaded)
    requests = len(site.server.requests)
    check(opened(config), real, name)
    assert walker.digest(config)
    assert len(site.server.requests) == requests
    assert sorted(preloaded.rglob("*")) == before
    private = (config.cache_dir if as_lower else workspace / "cvmfs.private").glob("??/*")
    # Nothing is copied: there are only whole files made of chunks, and the empty file.
    assert all("-chunked" in path.name or not path.stat().st_size for path in private)


def test_what_is_not_below_goes_to_the_upper_cache(site: Site, opened: Open, real: Path) -> None:
    lower = site.cache.parent / "lower"
    first = opened(site.config(BASIC, cache_dir=lower, alien=True, workspace=site.cache.parent))
    first.read(b"/README")
    before = site.server.count("*/data/*")
    config = site.config(BASIC, lower_cache=lower)
    repository = opened(config)
    local = repository.materialise(repository.lookup(b"/README"))
    assert local.startswith(f"{lower}/")
    assert site.server.count("*/data/*") == before
    check(repository, real, BASIC)
    assert not (site.cache / os.path.relpath(local, lower)).exists()
    assert list(site.cache.glob("??/*"))
    assert len(list(lower.glob("??/*"))) == 3  # root catalog, certificate and README


def test_a_lower_cache_that_may_be_written_gets_everything(site: Site, opened: Open, real: Path) -> None:
    lower = site.cache.parent / "lower"
    check(opened(site.config(BASIC, lower_cache=lower, lower_readonly=False)), real, BASIC)
    upper = {str(path.relative_to(site.cache)) for path in site.cache.glob("??/*")}
    objects = {name for name in upper if OBJECT.fullmatch(name) and (site.cache / name).stat().st_size}
    assert {str(path.relative_to(lower)) for path in lower.glob("??/*")} >= objects - {
        "84/1b49743875582b6de740d9a89d2c3c9d292402"
    }
    assert all(OBJECT.fullmatch(str(path.relative_to(lower))) for path in lower.glob("??/*"))


def test_a_cache_managed_by_a_client_is_only_read(site: Site, opened: Open) -> None:
    site.cache.mkdir()
    (site.cache / "cachedb").touch()
    repository = opened(site.config(BASIC, workspace=site.cache.parent / "workspace"))
    assert repository.read(b"/README")
    assert os.listdir(site.cache) == ["cachedb"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_an_unreadable_object_is_a_miss(site: Site, opened: Open, alien: Callable[[str], RepositoryConfig]) -> None:
    first = opened(alien(BASIC))
    want = first.read(b"/README")
    local = first.materialise(first.lookup(b"/README"))
    os.chmod(local, 0)
    assert opened(alien(BASIC)).read(b"/README") == want
    os.chmod(site.cache / f"cvmfschecksum.{BASIC}", 0)
    assert opened(alien(BASIC)).read(b"/README") == want


@pytest.mark.parametrize("damage", [b"", b"x"])
def test_foreign_files_of_the_wrong_size_are_absent(
    opened: Open, alien: Callable[[str], RepositoryConfig], damage: bytes
) -> None:
    first = opened(alien(BASIC))
    want = first.read(b"/README")
    local = Path(first.materialise(first.lookup(b"/README")))
    local.write_bytes(damage)
    assert opened(alien(BASIC)).read(b"/README") == want
    assert local.stat().st_mode & 0o777 == 0o660


def test_the_hash_of_the_cached_copy_is_told(
    opened: Open, real: Path, alien: Callable[[str], RepositoryConfig], name: str
) -> None:
    repository = opened(alien(name))
    for path, fact in load_truth(real / name, name, "").items():
        if fact["type"] == "file" and int(fact["size"]):
            inode = repository.lookup(path)
            if repository.getxattr(inode, b"user.chunks") == b"1":
                repository.materialise(inode)
                assert repository.getxattr(inode, b"user.lhash") == repository.getxattr(inode, b"user.hash")
