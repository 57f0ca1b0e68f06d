"""What the publisher writes, read by the package's own reader."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import stat
from pathlib import Path

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.publication import Published, PublishOptions, publish
from tests.drivers.publish_trees import SMALL_CHUNKS, attributes, make_odd_tree, paths_of


def configured(done: Published, cache: Path) -> RepositoryConfig:
    return RepositoryConfig(done.fqrn, (done.repository.as_uri(),), (done.public_key,), cache)


@pytest.mark.parametrize("compression", [COMPRESSION_ZLIB, COMPRESSION_NONE], ids=["zlib", "none"])
@pytest.mark.parametrize("algorithm", [Algorithm.SHA1, Algorithm.RIPEMD160, Algorithm.SHAKE128], ids=lambda a: a.name)
def test_the_repository_shows_the_directory(
    repository_keys: RepositoryKeys, tmp_path: Path, algorithm: Algorithm, compression: int
) -> None:
    source = make_odd_tree(tmp_path / "source")
    _devices(source)
    options = PublishOptions(algorithm, compression, SMALL_CHUNKS)
    done = publish(source, tmp_path / "web", repository_keys, options)
    expected = paths_of(source)
    with Repository(configured(done, tmp_path / "cache")) as repository:
        found = dict(repository.walk())
        assert (repository.revision, repository.root_hash) == (1, str(done.root_hash))
        assert set(found) == set(expected)
        for path, place in expected.items():
            inode, status = found[path], os.lstat(place)
            assert (inode.mode, inode.mtime_ns) == (status.st_mode, status.st_mtime_ns), path
            assert (inode.uid, inode.gid) == (status.st_uid, status.st_gid)
            assert {name: repository.getxattr(inode, name) for name in attributes(place)} == attributes(place)
            assert attributes(place).keys() <= set(repository.listxattr(inode))
            assert inode == repository.lookup(path)
            if stat.S_ISBLK(status.st_mode) or stat.S_ISCHR(status.st_mode):
                assert inode.rdev == status.st_rdev
            if stat.S_ISREG(status.st_mode):
                assert inode.size == status.st_size
                assert Path(repository.materialise(inode)).read_bytes() == Path(os.fsdecode(place)).read_bytes(), path
            if stat.S_ISLNK(status.st_mode) and b"$" not in os.readlink(place):
                assert inode.target == os.readlink(place)
        assert found[b"/links/variant"].target == b"x/y/z"
        assert found[b"/hard/one"].ino == found[b"/hard/two"].ino != found[b"/hard/other/elsewhere"].ino
        assert (found[b"/hard/one"].nlink, found[b"/hard/far"].nlink) == (2, 1)
        assert repository.getxattr(found[b"/chunked/40000"], b"user.chunks") > b"1"
        assert repository.tree.loaded == 1 + sum(path.endswith(b"/.cvmfscatalog") for path in expected)


def test_a_big_file_in_pieces_of_the_usual_size(repository_keys: RepositoryKeys, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    content = random.Random(5).randbytes(25_000_000) + bytes(25_000_000)
    source.joinpath("big").write_bytes(content)
    done = publish(source, tmp_path / "web", repository_keys)
    with Repository(configured(done, tmp_path / "cache")) as repository:
        inode = repository.lookup(b"/big")
        assert repository.read(b"/big") == content
        parts = repository.getxattr(inode, b"user.chunk_list").splitlines()[1:]
        assert len(parts) >= 3
        assert sum(int(part.split(b",")[2]) for part in parts) == len(content)


def _devices(source: Path) -> None:
    """Device nodes, where we may make some: root outside a user namespace."""
    with contextlib.suppress(PermissionError):
        os.mknod(source / "a" / "character", stat.S_IFCHR | 0o620, os.makedev(300, 70_000))
        os.mknod(source / "a" / "block", stat.S_IFBLK | 0o600, os.makedev(8, 1))


def test_the_next_revision_is_seen(repository_keys: RepositoryKeys, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    source.joinpath("file").write_text("old")
    for revision, text in ((1, "old"), (2, "new")):
        source.joinpath("file").write_text(text)
        done = publish(source, tmp_path / "web", repository_keys)
        with Repository(configured(done, tmp_path / "cache")) as repository:
            assert (repository.revision, repository.read(b"/file")) == (revision, text.encode())


@pytest.mark.parametrize(
    ("fault", "reason"), [("expired", ".cvmfswhitelist: expired"), ("foreign", "not signed by any")]
)
def test_what_must_not_be_trusted_is_not(
    repository_keys: RepositoryKeys,
    foreign_keys: RepositoryKeys,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    reason: str,
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    options = PublishOptions(whitelist_days=-1 if fault == "expired" else 1)
    done = publish(source, tmp_path / "web", repository_keys, options)
    keys = foreign_keys if fault == "foreign" else repository_keys
    config = configured(done, tmp_path / "cache")._replace(public_keys=(keys.public_key_file,), max_retries=0)
    with Repository(config) as repository, pytest.raises(OSError, match=os.strerror(errno.EIO)):
        repository.lookup(b"")
    assert reason in caplog.text
