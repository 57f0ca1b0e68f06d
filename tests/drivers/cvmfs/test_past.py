"""Former revisions through the library: tags, opening them, what differs between two."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.catalogs.schema import pack_xattrs
from parrot_py.drivers.cvmfs.hashes import ContentHash
from tests.drivers.contract import expect_errno
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import CHUNKED, DIR, LINK, NESTED, NESTED_ROOT, Row
from tests.drivers.cvmfs.truth import BASIC, SHAKE

Open = Callable[[RepositoryConfig], Repository]


def publish_tagged(forged: Forged, roots: Mapping[int, ContentHash]) -> None:
    """Revision n has the tag ``vN`` and the time 100 n; the last one is current, and has no tag."""
    forge, last = forged.forge, max(roots)
    history = forge.history([(f"v{number}", roots[number], number, 100 * number) for number in roots if number < last])
    forge.whitelist()
    forge.manifest(roots[last], revision=last, H=str(history), T=str(100 * last))


def simple(forged: Forged) -> dict[int, ContentHash]:
    forge = forged.forge
    roots = {
        number: forge.catalog([Row(b"", DIR), forge.file(b"/n", b"%d" % number)], properties={"revision": str(number)})
        for number in (1, 2, 3)
    }
    publish_tagged(forged, roots)
    return roots


def test_tags_and_revisions(forged: Forged, opened: Open) -> None:
    roots = simple(forged)
    repository = opened(forged.config())
    assert [(tag.name, tag.revision, tag.root) for tag in repository.tags()] == [
        ("v2", 2, str(roots[2])),
        ("v1", 1, str(roots[1])),
    ]
    assert [(each.number, each.timestamp, each.tags) for each in repository.list_revisions()] == [
        (3, 300, ()),
        (2, 200, ("v2",)),
        (1, 100, ("v1",)),
    ]


def test_no_history(forged: Forged, opened: Open) -> None:
    forged.forge.publish([])
    repository = opened(forged.config())
    assert repository.tags() == []
    assert [each.number for each in repository.list_revisions()] == [1]


def test_another_revision(forged: Forged, opened: Open) -> None:
    roots = simple(forged)
    repository = opened(forged.config())
    wanted: list[tuple[Any, bytes]] = [
        (1, b"1"),
        ("1", b"1"),
        ("v2", b"2"),
        (str(roots[1]), b"1"),
        (None, b"3"),
        (3, b"3"),
        (datetime.fromtimestamp(299, timezone.utc), b"2"),
    ]
    for which, content in wanted:
        with repository.at(which) as other:
            assert other.read("/n") == content, which
    assert repository.read("/n") == b"3"
    for which in (4, "v3", datetime.fromtimestamp(99, timezone.utc)):
        expect_errno(errno.ENOENT, lambda which=which: repository.at(which))  # type: ignore[misc]


def test_when_a_revision_was_published(forged: Forged, opened: Open) -> None:
    roots = simple(forged)
    assert opened(forged.config()).timestamp == 300
    assert opened(forged.config(tag="v1")).timestamp == 100
    assert opened(forged.config(root_hash=str(roots[1]))).timestamp is None


def test_what_changed(forged: Forged, opened: Open) -> None:
    forge = forged.forge
    same = forge.file(b"/same", b"same")
    old = [
        forge.file(b"/content", b"old"),
        forge.file(b"/longer", b"old"),
        forge.file(b"/mode", b"x"),
        forge.file(b"/owner", b"x"),
        forge.file(b"/time", b"x"),
        forge.file(b"/nanoseconds", b"x"),
        forge.file(b"/attribute", b"x", xattr=pack_xattrs({b"user.a": b"1"})),
        forge.file(b"/same-attribute", b"x", xattr=pack_xattrs({b"user.a": b"1"})),
        Row(b"/link", LINK, symlink=b"a"),
        forge.file(b"/removed", b"x"),
        Row(b"/gone", DIR),
        forge.file(b"/gone/f", b"x"),
        forge.file(b"/kind", b"x"),
        Row(b"/tree", DIR),
        forge.file(b"/tree/f", b"x"),
        Row(b"/d", DIR),
        same,
    ]
    new = [
        forge.file(b"/content", b"new"),
        forge.file(b"/longer", b"longer"),
        forge.file(b"/mode", b"x", mode=stat.S_IFREG | 0o600),
        forge.file(b"/owner", b"x", uid=7),
        forge.file(b"/time", b"x", mtime=1),
        forge.file(b"/nanoseconds", b"x", mtimens=5),
        forge.file(b"/attribute", b"x", xattr=pack_xattrs({b"user.a": b"2"})),
        forge.file(b"/same-attribute", b"x", xattr=pack_xattrs({b"user.a": b"1"})),
        Row(b"/link", LINK, symlink=b"b"),
        Row(b"/kind", DIR),
        forge.file(b"/kind/f", b"x"),
        forge.file(b"/tree", b"x"),
        Row(b"/d", DIR, mode=stat.S_IFDIR | 0o700),
        Row(b"/d/new", DIR),
        forge.file(b"/d/new/f", b"x"),
        same,
    ]
    roots = {n: forge.catalog([Row(b"", DIR), *rows]) for n, rows in ((1, old), (2, new))}
    publish_tagged(forged, roots)
    repository = opened(forged.config(uid=1234, gid=1234))
    changes = {change.path: change for change in repository.diff(1)}
    assert {path: change.what for path, change in changes.items() if change.kind == "changed"} == {
        b"/content": ("content",),
        b"/longer": ("content", "size"),
        b"/mode": ("mode",),
        b"/owner": ("owner",),
        b"/time": ("mtime",),
        b"/nanoseconds": ("mtime",),
        b"/attribute": ("xattrs",),
        b"/link": ("target",),
        b"/kind": ("type",),
        b"/tree": ("type",),
        b"/d": ("mode",),
    }
    assert {p for p, c in changes.items() if c.kind == "removed"} == {b"/removed", b"/gone", b"/gone/f", b"/tree/f"}
    assert {p for p, c in changes.items() if c.kind == "added"} == {b"/kind/f", b"/d/new", b"/d/new/f"}
    before, after = changes[b"/longer"].before, changes[b"/longer"].after
    assert before is not None
    assert after is not None
    assert (before.size, after.size) == (3, 6)
    assert changes[b"/removed"].after is changes[b"/d/new"].before is None
    back = list(repository.diff(2, 1))
    assert {(c.path, {"added": "removed", "removed": "added"}.get(c.kind, c.kind)) for c in back} == {
        (c.path, c.kind) for c in changes.values()
    }
    assert list(repository.diff("v1", 1)) == []


def test_chunked_files_are_compared_by_their_chunks(forged: Forged, opened: Open) -> None:
    forge = forged.forge
    one, two, three = (forge.store(text, "P").digest for text in (b"one", b"two", b"2nd"))
    rows = [Row(b"", DIR), Row(b"/f", CHUNKED, size=6), Row(b"/g", CHUNKED, size=6)]
    still = [(b"/g", 0, 3, one), (b"/g", 3, 3, two)]
    roots = {
        1: forge.catalog(rows, chunks=[(b"/f", 0, 3, one), (b"/f", 3, 3, two), *still]),
        2: forge.catalog(rows, chunks=[(b"/f", 0, 3, one), (b"/f", 3, 3, three), *still], extra="SELECT 1;"),
    }
    publish_tagged(forged, roots)
    assert [(c.path, c.what) for c in opened(forged.config()).diff(1)] == [(b"/f", ("content",))]
    assert forged.server.count("*P") == 0


def test_nested_catalogs_that_are_the_same_are_not_fetched(forged: Forged, opened: Open) -> None:
    forge = forged.forge

    def nested(name: str, content: bytes) -> ContentHash:
        path = f"/{name}".encode()
        rows = [Row(path, NESTED_ROOT), forge.file(path + b"/f", content)]
        return forge.catalog(rows, properties={"root_prefix": f"/{name}"})

    still = nested("still", b"x")
    roots, moved = {}, {}
    for number in (1, 2):
        moved[number] = nested("moved", b"%d" % number)
        rows = [Row(b"", DIR), Row(b"/still", NESTED), Row(b"/moved", NESTED)]
        catalogs = {"/still": still, "/moved": moved[number]}
        roots[number] = forge.catalog(rows, nested=catalogs, properties={"revision": str(number)})
    publish_tagged(forged, roots)
    assert [(c.path, c.what) for c in opened(forged.config()).diff(1, 2)] == [(b"/moved/f", ("content",))]
    asked = {os.path.basename(path) for path in forged.server.requests if path.endswith("C")}
    assert asked == {f"{hash_.cache_path()[3:]}C" for hash_ in (*roots.values(), *moved.values())}


def test_bind_mountpoints_are_not_entered(forged: Forged, opened: Open) -> None:
    forge = forged.forge
    roots = {}
    for number in (1, 2):
        inner = forge.catalog([Row(b"", NESTED_ROOT), forge.file(b"/f", b"%d" % number)])
        sql = f"INSERT INTO bind_mountpoints VALUES ('/b', '{inner}', 0);"
        roots[number] = forge.catalog([Row(b"", DIR), Row(b"/b", 0x4003), Row(b"/d", DIR)], extra=sql)
    publish_tagged(forged, roots)
    assert list(opened(forged.config()).diff(1)) == []


@pytest.mark.parametrize("name", [BASIC, SHAKE])
def test_differences_of_real_revisions_are_what_two_walks_differ_in(site: Site, opened: Open, name: str) -> None:
    repository = opened(site.config(name))
    first, *_, last = reversed(repository.list_revisions())
    trees = []
    for which in (first.root_hash, last.root_hash):
        with repository.at(which) as other:
            trees.append({p: (i.mode, i.size, i.mtime_ns, i.target) for p, i in other.walk()})
    before, after = trees
    changes = {change.path: change.kind for change in repository.diff(first.root_hash, last.root_hash)}
    assert {p for p, kind in changes.items() if kind == "removed"} == before.keys() - after.keys()
    assert {p for p, kind in changes.items() if kind == "added"} == after.keys() - before.keys()
    differing = {p for p in before.keys() & after.keys() if before[p] != after[p]}
    assert differing or name != BASIC
    assert differing <= {p for p, kind in changes.items() if kind == "changed"}


def test_inspection_counts_and_statistics(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC))
    standing = repository.inspect()
    assert (standing.trusted, standing.trouble, standing.host) == (True, None, f"{site.server.url}/cvmfs/{BASIC}")
    assert standing.manifest is not None
    assert standing.whitelist is not None
    assert standing.signer is not None
    assert standing.manifest.revision == repository.revision
    assert standing.throughput is None
    assert repository.counts()["regular"] > 100
    before = repository.statistics()
    assert before["download.n_requests"] == len(site.server.requests)
    repository.read("/README")
    assert repository.statistics()["cvmfs.n_fs_open"] == before["cvmfs.n_fs_open"] + 1
