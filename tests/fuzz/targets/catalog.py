"""Catalogs: a repository whose root catalog, and the one nested in it, is what the input says."""

from __future__ import annotations

import functools
import stat
from contextlib import suppress

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs import Repository
from parrot_py.syscalls.layouts import stat_bytes
from tests.fuzz import edits, scratch
from tests.fuzz.target import CORPUS, Target

# Names of objects that the cache has: what is in a cache is not verified again.
ROOT, NESTED = "aa" + "1" * 38, "aa" + "2" * 38
# The nested catalog is nested in itself.
_MOST, _DEEPEST = 40, 1
_ATTRIBUTES = (
    b"user.chunk_list",
    b"user.hash",
    b"user.external_url",
    b"user.rawlink",
    b"user.catalog_counters",
    b"user.a",
)


@functools.cache
def _config() -> RepositoryConfig:
    place = scratch.directory("catalog")
    place.joinpath("aa").mkdir(mode=0o700)
    return RepositoryConfig(
        "fuzz.parrot.test",
        (),
        (),
        place,
        root_hash=ROOT,
        variables={"A": "b"},
        backoff_init=0.0,
        prefetch_bundles=False,
    )


def check(data: bytes) -> None:
    """Walk through all of it and ask for everything; only OSError, only possible inodes."""
    config = _config()
    for name in (ROOT, NESTED):
        edits.write(data, CORPUS / "catalog" / "plain.sqlite", config.cache_dir / name[:2] / name[2:])
    with Repository(config) as repository, suppress(OSError):
        _walk(repository)


def _walk(repository: Repository) -> None:
    todo, seen = [repository.lookup(b"")], 0
    repository.statfs()
    while todo and seen < _MOST:
        inode = todo.pop()
        seen += 1
        _look(repository, inode)
        if inode.is_dir and inode.path.count(b"/") <= _DEEPEST:
            with suppress(OSError):
                entries = repository.listdir(inode)
                for entry in entries[:_MOST]:
                    assert entry.name not in (b"", b".", b"..")
                    assert b"/" not in entry.name
                    assert b"\0" not in entry.name
                    assert len(entry.name) <= 255
                    assert entry.inode.path == inode.path + b"/" + entry.name
                todo += [entry.inode for entry in entries[:_MOST]]
                with suppress(OSError):
                    repository.lookup(inode.path + b"/no such name")


def _look(repository: Repository, inode: Inode) -> None:
    assert len(stat_bytes(inode, 7)) == 144
    assert stat.S_IFMT(inode.mode)
    assert inode.size >= 0
    assert (inode.target is not None) == inode.is_link
    for name in _ATTRIBUTES:
        with suppress(OSError):
            repository.getxattr(inode, name)
    with suppress(OSError):
        repository.listxattr(inode)
    with suppress(OSError):
        again = repository.lookup(inode.path)
        assert again.ino == inode.ino
    if inode.is_regular and inode.path.count(b"/") == 1:
        with suppress(OSError):
            repository.materialise(inode)


TARGET = Target(check, 16384, (b"SQLite format 3\0", b"nested", b"$(A)", b"\x01\x01\x05\x01user.a"))
