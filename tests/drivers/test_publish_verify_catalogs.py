"""``--verify`` finds each kind of nonsense that a catalog can say."""

from __future__ import annotations

import functools
import os
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.catalogs.schema import path_key
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish
from parrot_py.drivers.cvmfs.publish.verify import verify
from tests.drivers.publish_trees import SMALL_CHUNKS, make_small_tree
from tests.drivers.test_publish import FQRN, NOW

OPTIONS = PublishOptions(now=NOW, chunk_sizes=SMALL_CHUNKS)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = make_small_tree(tmp_path_factory.mktemp("tree") / "source")
    source.joinpath("chunked").write_bytes(bytes(range(256)) * 99)
    source.joinpath("one").write_text("linked")
    os.link(source / "one", source / "two")
    source.joinpath("link").symlink_to("one")
    os.setxattr(source / "one", "user.x", b"y")
    return source


def sql(text: str, *, prefix: bytes = b"") -> Callable[[bytes, sqlite3.Connection], None]:
    """An edit of the catalog at *prefix* by a statement, in which ``</one>`` is the key of the row of ``/one``."""

    def edit(path: bytes, database: sqlite3.Connection) -> None:
        if path == prefix:
            database.execute(re.sub("<(.*)>", key_of, text))

    return edit


def key_of(match: re.Match[str]) -> str:
    first, second = path_key(match[1].encode())
    return f"md5path_1 = {first} AND md5path_2 = {second}"


within = functools.partial(sql, prefix=b"/quiet")


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (sql("UPDATE catalog SET size = size + 1 WHERE </one>"), "/one: object .*: fewer than the 7 bytes"),
        (sql("UPDATE catalog SET size = size - 1 WHERE </one>"), "/one: object .*: more than the 5 bytes"),
        (sql("UPDATE catalog SET hash = zeroblob(19) || x'01' WHERE </one>"), "/one: object .*: missing"),
        (sql("UPDATE catalog SET hash = NULL WHERE </one>"), "/one: the file has no content"),
        (sql("UPDATE catalog SET hash = x'11' WHERE </one>"), "/one: the hash of its content has a wrong length"),
        (sql("UPDATE catalog SET mode = 0x41ed WHERE </one>"), "/one: flags 0x4 and mode 40755 are of different types"),
        (sql("UPDATE catalog SET hardlinks = 1 WHERE </one>"), "/two: has 2 links, and its group has 1 names"),
        (sql("UPDATE catalog SET hardlinks = 0 WHERE </link>"), "/link: has no link"),
        (sql("UPDATE catalog SET xattr = x'0101' WHERE </one>"), "/one: the extended attributes are damaged"),
        (sql("UPDATE catalog SET mtimens = 1000000000 WHERE </one>"), "/one: 1000000000 nanoseconds"),
        (sql("UPDATE catalog SET symlink = '' WHERE </link>"), "/link: the link has no target"),
        (sql("UPDATE catalog SET flags = flags | 0x800 WHERE </one>"), "/one: object .*: fewer|/one: object .*: more"),
        (sql("UPDATE catalog SET flags = flags | 0x1800 WHERE </one>"), "/one: flags 0x1804 name no compression"),
        (sql("UPDATE catalog SET flags = flags | 0x700 WHERE </one>"), "/one: flags 0x704 name no hash algorithm"),
        (sql("UPDATE catalog SET name = 'other' WHERE </one>"), "/other: the row has another path's hash"),
        (sql("UPDATE catalog SET name = '..' WHERE </one>"), "/..: is no name that a directory can have"),
        (sql("UPDATE catalog SET parent_1 = 5 WHERE </one>"), "/: 1 rows of the catalog are reached by no path"),
        (sql("DELETE FROM catalog WHERE </busy>"), "/busy/inner: a nested catalog begins here, and no entry says so"),
        (sql("DELETE FROM chunks WHERE offset = 0"), "/chunked: the chunk at .* does not follow the one before"),
        (sql("DELETE FROM chunks WHERE offset = (SELECT max(offset) FROM chunks)"), "/chunked: its chunks have"),
        (sql("UPDATE catalog SET flags = 4 WHERE </chunked>"), "catalog .*: [0-9]+ chunks belong to no chunked file"),
        (sql("UPDATE statistics SET value = value + 1 WHERE counter = 'self_regular'"),
         "/: .*: counter self_regular is"),
        (sql("UPDATE statistics SET value = 0 WHERE counter = 'subtree_dir'"), "/: .*: counter subtree_dir is 0"),
        (within("UPDATE statistics SET value = 9 WHERE counter = 'self_xattr'"), "/quiet: .* self_xattr is 9"),
        (sql("UPDATE properties SET value = '9' WHERE key = 'revision'"), "trunk: .* says that it is revision 9"),
        (sql("UPDATE properties SET value = '3.0' WHERE key = 'schema'"), "trunk: .* has schema 3.0"),
        (within("UPDATE properties SET value = '/x' WHERE key = 'root_prefix'"), "/quiet: .* begins at '/x'"),
        (sql("UPDATE nested_catalogs SET size = 5"), "/quiet: catalog .* has [0-9]+ bytes, not the 5"),
        (sql("DELETE FROM nested_catalogs"), "/quiet: the entry leads to a nested catalog, and none is named"),
        (sql("UPDATE catalog SET flags = 1 WHERE </quiet>"),
         "/quiet: a nested catalog begins here, and no entry says so"),
        (sql("UPDATE catalog SET uid = uid + 1 WHERE </quiet>"), "/quiet: its entry and the top of its catalog"),
        (within("UPDATE catalog SET flags = 1 WHERE </quiet>"), "/quiet: the flags of the catalog's top"),
        (within("DELETE FROM catalog"), "/quiet: the catalog has no row for its own top"),
        (within("DROP TABLE statistics"), "/quiet: catalog .* is damaged: no such table: statistics"),
    ],
    ids=range(34),
)  # fmt: skip
def test_a_catalog_that_says_something_wrong_is_found(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys, edit: object, complaint: str
) -> None:
    done = publish(source, tmp_path, repository_keys, replace(OPTIONS, edit_catalog=edit))  # type: ignore[arg-type]
    problems = verify(str(done.repository), FQRN, [done.public_key], options=OPTIONS).problems
    assert any(re.match(complaint, problem) for problem in problems), problems
