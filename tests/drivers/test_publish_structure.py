"""What the publisher writes looks like what the CernVM-FS server tools write.

The databases' shape is stated here, as it was found in repositories made by the real publisher (2.12).  Where those
repositories are at hand (``PARROT_REAL_REPOS``, or ``shared/repos`` beside the checkout), one is rebuilt as a
directory, published, and compared row by row.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish
from tests.drivers.publish_reader import PublishedTree, Seen
from tests.drivers.publish_trees import unpacked
from tests.drivers.test_publish import NOW, read

REAL = "basic.parrot.test"
PLACES = [os.environ.get("PARROT_REAL_REPOS", ""), str(Path(__file__).parents[3] / "shared" / "repos")]
ARCHIVE = next((path for path in (Path(place) / f"{REAL}.tar.gz" for place in PLACES if place) if path.exists()), None)

CATALOG = {
    "properties": "key TEXT, value TEXT; key",
    "catalog": "md5path_1 INTEGER, md5path_2 INTEGER, parent_1 INTEGER, parent_2 INTEGER, hardlinks INTEGER, "
    "hash BLOB, size INTEGER, mode INTEGER, mtime INTEGER, mtimens INTEGER, flags INTEGER, name TEXT, symlink TEXT, "
    "uid INTEGER, gid INTEGER, xattr BLOB; md5path_1, md5path_2",
    "chunks": "md5path_1 INTEGER, md5path_2 INTEGER, offset INTEGER, size INTEGER, hash BLOB; "
    "md5path_1, md5path_2, offset, size",
    "nested_catalogs": "path TEXT, sha1 TEXT, size INTEGER; path",
    "bind_mountpoints": "path TEXT, sha1 TEXT, size INTEGER; path",
    "statistics": "counter TEXT, value INTEGER; counter",
}
HISTORY = {
    "properties": "key TEXT, value TEXT; key",
    "branches": "branch TEXT, parent TEXT, initial_revision INTEGER; branch",
    "tags": "name TEXT, hash TEXT, revision INTEGER, timestamp INTEGER, channel INTEGER, description TEXT, "
    "size INTEGER, branch TEXT; name",
    "recycle_bin": "hash TEXT, flags INTEGER; hash",
}
COUNTERS = "chunked chunked_size chunks dir external external_file_size file_size nested regular special symlink xattr"


def shape_of(tree: PublishedTree, letter: str) -> dict[str, str]:
    with closing(tree.database(tree.manifest[letter], letter)) as database:
        return shape(database)


def shape(database: sqlite3.Connection) -> dict[str, str]:
    """Tables with their columns, types and primary keys."""
    found = {}
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = database.execute(f"PRAGMA table_info({table.decode()})").fetchall()
        named = {column[1].decode(): column[5] for column in columns}
        key = sorted((name for name in named if named[name]), key=lambda name: named[name])
        types = ", ".join(f"{column[1].decode()} {column[2].decode()}" for column in columns)
        found[table.decode()] = f"{types}; {', '.join(key)}"
    return found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, repository_keys: RepositoryKeys) -> PublishedTree:
    source = tmp_path_factory.mktemp("small")
    source.joinpath("file").write_text("x")
    return read(publish(source, tmp_path_factory.mktemp("web"), repository_keys, PublishOptions(now=NOW)))


def test_the_shape_of_a_catalog(small: PublishedTree) -> None:
    assert shape_of(small, "C") == CATALOG
    query = "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
    indices = small.rows(small.manifest["C"], "C", query)
    assert indices == [(b"catalog", b"CREATE INDEX idx_catalog_parent ON catalog (parent_1, parent_2)")]
    for pragma, value in (("page_size", 1024), ("encoding", b"UTF-8"), ("auto_vacuum", 0), ("user_version", 0)):
        assert small.rows(small.manifest["C"], "C", f"PRAGMA {pragma}") == [(value,)], pragma
    counters = [f"{scope}_{name}" for scope in ("self", "subtree") for name in COUNTERS.split()]
    assert list(small.catalogs[b""]["statistics"]) == counters


def test_the_shape_of_a_history(small: PublishedTree) -> None:
    assert shape_of(small, "H") == HISTORY
    properties = dict(small.rows(small.manifest["H"], "H", "SELECT key, value FROM properties"))
    assert properties == {b"schema": b"1.0", b"schema_revision": b"3", b"fqrn": b"odd.parrot.test"}
    assert small.rows(small.manifest["H"], "H", "SELECT * FROM branches") == [(b"", None, 0)]


def test_columns_hold_what_the_real_ones_hold(small: PublishedTree) -> None:
    types = "typeof(hash), typeof(symlink), typeof(name), typeof(mtimens), typeof(xattr), typeof(size)"
    found = small.rows(small.manifest["C"], "C", f"SELECT DISTINCT {types} FROM catalog ORDER BY 1")
    assert found == [(kind, b"text", b"text", b"integer", b"null", b"integer") for kind in (b"blob", b"null")]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> PublishedTree:
    if ARCHIVE is None:
        pytest.skip(f"{REAL}.tar.gz, a repository made by the real publisher, is not at hand")
    place = tmp_path_factory.mktemp("real")
    subprocess.run(["tar", "-xzf", str(ARCHIVE), "-C", str(place)], check=True)
    key = (place / REAL / f"{REAL}.pub").read_bytes()
    return PublishedTree(place / REAL / "www" / REAL, REAL, key, datetime(2026, 11, 22))


def test_the_real_databases_have_the_same_shape(real: PublishedTree) -> None:
    assert shape_of(real, "C") == CATALOG
    assert shape_of(real, "H") == HISTORY


def rebuild(tree: PublishedTree, root: Path) -> None:
    """The directory that *tree* was published from; chunked files are holes of the right size, to save time."""
    directories = []
    groups: dict[tuple[bytes, int], str] = {}
    for path, seen in sorted(tree.entries.items()):
        place = os.fsdecode(os.fsencode(root) + path)
        group = (path.rpartition(b"/")[0], seen.row["hardlinks"] >> 32)
        if group[1] and group in groups:
            os.link(groups[group], place)
            continue
        groups[group] = place
        make(tree, seen, place)
        for name, value in unpacked(seen.row["xattr"]).items():
            os.setxattr(place, name, value)
        if stat.S_ISDIR(seen.row["mode"]):
            directories.append((place, seen))
    for place, seen in reversed(directories):
        stamp(place, seen)


def make(tree: PublishedTree, seen: Seen, place: str) -> None:
    mode, size = seen.row["mode"], seen.row["size"]
    if stat.S_ISDIR(mode):
        os.makedirs(place, exist_ok=True)
    elif stat.S_ISLNK(mode):
        os.symlink(seen.row["symlink"], os.fsencode(place))
    elif stat.S_ISREG(mode):
        with open(place, "wb") as file:
            if seen.chunks:
                file.truncate(size)
            else:
                file.write(tree.content(seen))
    else:
        os.mknod(place, mode, size)
    os.chown(place, seen.row["uid"], seen.row["gid"], follow_symlinks=False)
    if not stat.S_ISLNK(mode):
        os.chmod(place, stat.S_IMODE(mode))
    if not stat.S_ISDIR(mode):
        stamp(place, seen)


def stamp(place: str, seen: Seen) -> None:
    nanoseconds = seen.row["mtime"] * 10**9 + (seen.row["mtimens"] or 0)
    os.utime(place, ns=(nanoseconds, nanoseconds), follow_symlinks=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make the device nodes and owners of the real repository")
def test_the_same_directory_gives_the_same_rows(
    real: PublishedTree, repository_keys: RepositoryKeys, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    rebuild(real, source)
    ours = read(publish(source, tmp_path / "web", repository_keys, PublishOptions(now=NOW)))
    assert set(ours.entries) == set(real.entries)
    assert set(ours.catalogs) == set(real.catalogs)
    for path, seen in real.entries.items():
        row, expected = dict(ours.entries[path].row), dict(seen.row)
        # The real publisher of this repository did not keep nanoseconds; the size of a directory is its file system's.
        assert row.pop("mtimens") == (expected.pop("mtimens") or 0)
        if stat.S_ISDIR(row["mode"]):
            assert row.pop("size") > 0
            assert expected.pop("size") > 0
        assert row == expected, path
        assert ours.entries[path].catalog == seen.catalog
    for prefix, catalog in real.catalogs.items():
        counters, expected = ours.catalogs[prefix]["statistics"], catalog["statistics"]
        for counter in expected:
            if not counter.endswith("_chunks"):
                assert counters[counter] == expected[counter], (prefix, counter)
        assert set(ours.catalogs[prefix]["properties"]) == set(catalog["properties"])


def test_the_manifest_has_the_lines_of_the_real_one(real: PublishedTree, small: PublishedTree) -> None:
    def patterns(tree: PublishedTree) -> list[str]:
        lines, _, _ = tree.letter(".cvmfspublished")
        shapes = [re.sub(r"[0-9a-f]{32,}", "hash", line).replace(tree.manifest["N"], "name") for line in lines]
        return [re.sub(r"[0-9]+", "n", line) for line in shapes]

    assert patterns(small) == patterns(real)
