"""A cache that is full, read-only, taken away or damaged while it is in use."""

from __future__ import annotations

import errno
import logging
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import CHUNKED, DIR, NESTED, NESTED_ROOT, Row
from tests.drivers.cvmfs.trouble import refused
from tests.drivers.cvmfs.truth import BASIC

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture
BIG = random.Random(9).randbytes(3_000_000)
PART = 500_000


def _mounted(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        _mounted("-t", "tmpfs", "-o", "size=2m,mode=755", "parrot-test", str(place))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def tree(forged: Forged) -> Forged:
    """Small files, one that is bigger than the small disk, whole and in chunks, and a nested catalog."""
    forge = forged.forge
    parts = [BIG[at : at + PART] for at in range(0, len(BIG), PART)]
    chunks = [(b"/chunked", n * PART, len(part), forge.store(part, "P").digest) for n, part in enumerate(parts)]
    nested = forge.catalog([Row(b"/n", NESTED_ROOT), forge.file(b"/n/in", b"inside")], properties={"root_prefix": "/n"})
    rows = [forge.file(b"/%d" % n, b"file %d" % n) for n in range(200)]
    rows += [Row(b"/n", NESTED), Row(b"/d", DIR), forge.file(b"/d/x", b"x"), forge.file(b"/big", BIG)]
    rows += [Row(b"/chunked", CHUNKED, size=len(BIG))]
    forge.publish(rows, nested={"/n": nested}, chunks=chunks)
    return forged


def left_over(cache: Path) -> list[str]:
    return os.listdir(cache / "txn")


def test_what_does_not_fit_is_enospc_and_the_rest_goes_on(tree: Forged, opened: Open, caplog: Log, disk: Path) -> None:
    cache = disk / "cache"
    repository = opened(tree.config(cache_dir=cache))
    assert repository.read(b"/1") == b"file 1"
    for path in (b"/big", b"/chunked"):
        inode = repository.lookup(path)
        line = refused(caplog, lambda inode=inode: repository.materialise(inode), "No space left", errno.ENOSPC)  # type: ignore[misc]
        assert str(cache) in line
        assert left_over(cache) == []
    assert repository.read(b"/2") == b"file 2"
    assert repository.read(b"/n/in") == b"inside"


def test_a_full_disk_at_the_start_is_one_line(tree: Forged, opened: Open, caplog: Log, disk: Path) -> None:
    with open(disk / "ballast", "wb", buffering=0) as file:
        while os.fstatvfs(file.fileno()).f_bfree:
            file.write(bytes(4096))
    repository = opened(tree.config(cache_dir=disk / "cache", backoff_init=0.0))
    refused(caplog, lambda: repository.lookup(b"/1"), "No space left", errno.ENOSPC)
    os.unlink(disk / "ballast")
    assert opened(tree.config(cache_dir=disk / "cache")).read(b"/1") == b"file 1"


def test_a_read_only_file_system_serves_what_it_has(tree: Forged, opened: Open, caplog: Log, disk: Path) -> None:
    config = tree.config(cache_dir=disk / "cache", workspace=tree.cache)
    first = opened(config)
    assert first.read(b"/1") == b"file 1"
    assert first.read(b"/n/in") == b"inside"
    first.close()
    _mounted("-o", "remount,ro", str(disk))
    again = opened(config)
    caplog.clear()
    assert again.read(b"/1") == b"file 1"
    assert again.read(b"/n/in") == b"inside"
    assert caplog.records == []
    assert again.read(b"/2") == b"file 2"
    assert caplog.records == []
    assert (tree.cache / "cvmfs.private").is_dir()
    tree.server.stop()
    assert opened(config._replace(max_retries=0)).read(b"/1") == b"file 1"


def test_a_cache_that_is_removed_while_it_is_used(tree: Forged, opened: Open) -> None:
    repository = opened(tree.config())
    assert repository.read(b"/1") == b"file 1"
    assert repository.read(b"/chunked") == BIG
    shutil.rmtree(tree.cache)
    assert repository.read(b"/1") == b"file 1"
    assert repository.read(b"/n/in") == b"inside"
    shutil.rmtree(tree.cache)
    assert repository.read(b"/chunked") == BIG
    assert repository.read(b"/d/x") == b"x"
    shutil.rmtree(tree.cache)
    # Catalogs that are closed to spare descriptors are opened again by name.
    repository.tree.close()
    assert repository.read(b"/n/in") == b"inside"


@pytest.mark.parametrize("path", [b"/1", b"/big", b"/chunked"])
@pytest.mark.parametrize("length", [0, 3, 10_000_000])
def test_a_file_whose_length_changed_is_fetched_again(tree: Forged, opened: Open, path: bytes, length: int) -> None:
    repository = opened(tree.config())
    content = repository.read(path)
    local = repository.materialise(repository.lookup(path))
    os.chmod(local, 0o644)
    os.truncate(local, length)
    assert repository.read(path) == content
    assert os.stat(local).st_mode & 0o777 == 0o555


def test_an_object_replaced_by_a_directory_is_kept_elsewhere(tree: Forged, opened: Open, caplog: Log) -> None:
    repository = opened(tree.config(workspace=tree.cache.parent / "workspace"))
    local = repository.materialise(repository.lookup(b"/1"))
    os.unlink(local)
    os.mkdir(local)
    caplog.clear()
    for _ in range(3):
        assert repository.read(b"/1") == b"file 1"
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "Is a directory" in line
    assert str(tree.cache.parent / "workspace") in line
    assert tree.server.count(f"*{os.path.basename(local)}") == 3  # it cannot be known before the end


@pytest.mark.parametrize("length", [0, 100, 4096, 5000])
def test_a_catalog_truncated_while_it_is_open(site: Site, opened: Open, length: int) -> None:
    repository = opened(site.config(BASIC))
    root = repository.root_hash
    another = opened(site.config(BASIC))
    want = {entry.name for entry in another.listdir(another.lookup(b""))}
    local = site.cache / root[:2] / root[2:]
    os.chmod(local, 0o644)
    os.truncate(local, length)
    assert {entry.name for entry in repository.listdir(repository.lookup(b""))} == want
    assert repository.read(b"/README")
    assert local.stat().st_size > 5000
