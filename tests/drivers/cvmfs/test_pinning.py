"""Pinned revisions: by root hash, by tag, by date; what the history says, and what it may not do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.catalogs.history import History
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.trouble import Failure
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import DIR, NAME, Row
from tests.drivers.cvmfs.trouble import refused
from tests.support.httpd import Fault

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture


def revision(forged: Forged, number: int) -> ContentHash:
    """A root catalog whose file /rev tells the revision."""
    rows = [Row(b"", DIR), forged.forge.file(b"/rev", b"%d" % number)]
    return forged.forge.catalog(rows, properties={"revision": str(number)})


def releases(forged: Forged, *, schema: int = 3, extra: str = "", **lines: str) -> dict[int, ContentHash]:
    """Revisions 1 to 5, at the times 100 to 500; 5 is current, 4 belongs to another branch where there are branches."""
    forge = forged.forge
    roots = {number: revision(forged, number) for number in range(1, 6)}
    tags = [
        ("v1", roots[1], 1, 100),
        ("v2", roots[2], 2, 200),
        ("v2-again", roots[2], 2, 200),
        ("v3", roots[3], 3, 300),
        ("side", roots[4], 4, 250, "branch"),
        ("trunk", roots[5], 5, 500),
    ]
    if schema < 3:
        tags = [tag for tag in tags if tag[0] != "side"]
    history = forge.history(tags, revision=schema, extra=extra)
    forge.whitelist()
    forge.manifest(roots[5], revision=5, **{"H": str(history), **lines})
    return roots


def history(forged: Forged, **parts: Any) -> History:
    """The history that :func:`releases` makes, as a file."""
    releases(forged, **parts)
    (stored,) = (forged.forge.directory / "data").rglob("*H")
    unpacked = forged.forge.directory / "history"
    hash_ = ContentHash.parse(f"{stored.parent.name}{stored.name[:-1]}")
    unpacked.write_bytes(forged.forge.content(hash_, "H"))
    return History(str(unpacked))


@pytest.mark.parametrize("schema", [0, 1, 2, 3])
def test_a_tag_or_a_date_chooses_the_revision(forged: Forged, opened: Open, schema: int) -> None:
    releases(forged, schema=schema)
    chosen: dict[str, dict[str, Any]] = {
        "v1": {"tag": "v1"},
        "v2": {"date": 299},
        "v3": {"date": 300},
        "still v3": {"date": 499},
        "trunk": {"date": 2_000_000_000},
    }
    want = {"v1": b"1", "v2": b"2", "v3": b"3", "still v3": b"3", "trunk": b"5"}
    assert {k: opened(forged.config(**pin)).read(b"/rev") for k, pin in chosen.items()} == want
    assert forged.server.count("*H") == 1  # the cache has it then


def test_what_is_pinned_more_exactly_counts(forged: Forged, opened: Open) -> None:
    roots = releases(forged)
    assert opened(forged.config(root_hash=str(roots[3]), tag="v1", date=250)).read(b"/rev") == b"3"
    assert opened(forged.config(tag="v1", date=250)).read(b"/rev") == b"1"
    assert opened(forged.config(tag="side")).read(b"/rev") == b"4"
    assert opened(forged.config(tag="trunk", root_hash=None)).read(b"/rev") == b"5"


def test_only_the_catalog_that_is_wanted_is_fetched(forged: Forged, opened: Open) -> None:
    roots = releases(forged)
    opened(forged.config(tag="v2")).lookup(b"/rev")
    assert forged.server.count("*C") == 1
    assert forged.server.count(f"*{roots[2].cache_path()}C") == 1
    assert not (forged.cache / f"cvmfschecksum.{NAME}").exists()


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no such tag": ({"tag": "v9"}, {}, r"tag 'v9': not in the history of revision 5"),
    "before everything": ({"date": 99}, {}, r"date 1970-01-01T00:01:39Z: not in the history"),
    "a date beyond all calendars": ({"date": -(10**17)}, {}, r"date -1000*: not in the history"),
    "no history": ({"tag": "v1"}, {"H": "-"}, r"tag 'v1': the repository has no history"),
    "a root that is none": ({"tag": "v1"}, {"extra": "UPDATE tags SET hash = 'abc'"}, r"tag 'v1': not a content hash"),
    "the null root": ({"tag": "v1"}, {"extra": f"UPDATE tags SET hash = '{'0' * 40}'"}, r"tag 'v1': the null hash"),
    "a revision that is none": (
        {"tag": "v1"},
        {"extra": "UPDATE tags SET revision = 'x'"},
        "a number of a tag is none",
    ),
    "a blob for a hash": (
        {"tag": "v1"},
        {"extra": "UPDATE tags SET hash = 7.5"},
        r"tag 'v1': not a content hash: '7.5'",
    ),
    "no tags": ({"tag": "v1"}, {"extra": "DROP TABLE tags"}, r"not a history database: tables are missing"),
    "a view for tags": (
        {"tag": "v1"},
        {"extra": "ALTER TABLE tags RENAME TO t; CREATE VIEW tags AS SELECT * FROM t"},
        "tables are missing",
    ),
    "no hashes": ({"tag": "v1"}, {"extra": "ALTER TABLE tags RENAME COLUMN hash TO h"}, r"columns are missing"),
    "the schema of the future": (
        {"tag": "v1"},
        {"extra": "UPDATE properties SET value = '2.0' WHERE key = 'schema'"},
        r"schema b'2.0' is not supported",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_found_is_said(forged: Forged, opened: Open, caplog: Log, case: str) -> None:
    pin, parts, pattern = WRONG[case]
    releases(forged, **parts)
    refused(caplog, lambda: opened(forged.config(**pin)).lookup(b""), pattern)


def test_an_old_tag_may_be_blacklisted(forged: Forged, opened: Open, caplog: Log) -> None:
    releases(forged)
    blacklist = forged.forge.directory / "blacklist"
    blacklist.write_text(f"<{NAME} 3\n")
    config = forged.config(blacklists=(blacklist,))
    refused(caplog, lambda: opened(config._replace(tag="v2")).lookup(b""), "tag 'v2': revision 2 is blacklisted")
    assert opened(config._replace(tag="v3")).read(b"/rev") == b"3"


def test_the_manifest_is_proven_for_a_tag_too(forged: Forged, opened: Open, caplog: Log) -> None:
    releases(forged)
    forged.forge.whitelist(days=-1)
    refused(caplog, lambda: opened(forged.config(tag="v1")).lookup(b""), "whitelist: expired")


def test_offline_a_tag_is_what_it_was(forged: Forged, opened: Open, caplog: Log) -> None:
    releases(forged)
    assert opened(forged.config(tag="v2")).read(b"/rev") == b"2"
    assert opened(forged.config(date=320)).read(b"/rev") == b"3"
    forged.server.fault("*", Fault(drop=True))
    quick = forged.config(max_retries=0)
    caplog.clear()
    assert opened(quick._replace(tag="v2")).read(b"/rev") == b"2"
    assert "offline, showing revision 2" in caplog.text
    assert opened(quick._replace(date=320)).read(b"/rev") == b"3"
    refused(caplog, lambda: opened(quick._replace(tag="v3")).lookup(b""), r"\.cvmfspublished")
    refused(caplog, lambda: opened(quick).lookup(b""), r"\.cvmfspublished")


def test_a_tag_that_moved_back_is_followed(forged: Forged, opened: Open) -> None:
    roots = releases(forged)
    assert opened(forged.config(tag="v3")).read(b"/rev") == b"3"
    releases(forged, extra=f"UPDATE tags SET hash = '{roots[1]}', revision = 1, timestamp = 100 WHERE name = 'v3'")
    assert opened(forged.config(tag="v3")).read(b"/rev") == b"1"
    forged.server.fault("*", Fault(drop=True))
    assert opened(forged.config(tag="v3", max_retries=0)).read(b"/rev") == b"1"


def test_a_damaged_history_in_the_cache_is_fetched_again(forged: Forged, opened: Open) -> None:
    releases(forged)
    opened(forged.config(tag="v1")).lookup(b"")
    (stored,) = (forged.forge.directory / "data").rglob("*H")
    cached = forged.cache / stored.parent.name / stored.name[:-1]
    cached.chmod(0o644)
    whole = cached.read_bytes()
    cached.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert opened(forged.config(tag="v2")).read(b"/rev") == b"2"
    assert cached.read_bytes() == whole


def move(forged: Forged, hash_: ContentHash, letter: str) -> None:
    """Let the object have only its alternative name."""
    place = forged.forge.directory / hash_.object_path(letter)[1:]
    place.rename(forged.forge.directory / f".cvmfsalt-{hash_}{letter}")


def test_alternative_names_of_the_manifest(forged: Forged, opened: Open) -> None:
    roots = releases(forged, A="yes")
    move(forged, roots[5], "C")
    (pem,) = (forged.forge.directory / "data").rglob("*X")
    move(forged, ContentHash.parse(f"{pem.parent.name}{pem.name[:-1]}"), "X")
    assert opened(forged.config()).read(b"/rev") == b"5"
    assert forged.server.count(f"*/.cvmfsalt-{roots[5]}C") == 1
    assert opened(forged.config(tag="v1")).read(b"/rev") == b"1"


def test_alternative_names_of_pinned_roots(forged: Forged, opened: Open, caplog: Log) -> None:
    roots = releases(forged)
    move(forged, roots[1], "C")
    move(forged, roots[2], "C")
    refused(caplog, lambda: opened(forged.config(root_hash=str(roots[1]))).lookup(b""), r"object data/.*C: status 404")
    assert opened(forged.config(root_hash=str(roots[1]), alt_root_path=True)).read(b"/rev") == b"1"
    assert opened(forged.config(tag="v2", alt_root_path=True)).read(b"/rev") == b"2"


def test_all_tags_are_listed_the_newest_first(forged: Forged) -> None:
    tags = history(forged).tags()
    assert [tag.name for tag in tags] == ["trunk", "side", "v3", "v2", "v2-again", "v1"]
    side = tags[1]
    assert (side.revision, side.timestamp, side.channel, side.size) == (4, 250, 0, 4096)
    assert (side.description, side.branch) == ("about side", "branch")
    assert side.hash == ContentHash.parse(side.root)


def test_old_histories_have_no_sizes_and_branches(forged: Forged) -> None:
    tag = history(forged, schema=0).named("v3")
    assert tag is not None
    assert (tag.size, tag.branch, tag.revision) == (0, "", 3)


def test_generated_columns_are_none(tmp_path: Path) -> None:
    """They could compute for ever."""
    bad = tmp_path / "trap"
    db = sqlite3.connect(bad)
    db.executescript(
        "CREATE TABLE properties (key TEXT, value TEXT);"
        "CREATE TABLE tags (name TEXT, hash TEXT GENERATED ALWAYS AS (hex(zeroblob(1000000))), revision, timestamp)"
    )
    db.close()
    with pytest.raises(Failure, match="columns are missing"):
        History(str(bad)).tags()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_history(tmp_path: Path, content: bytes) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(content)
    with pytest.raises(Failure, match="history database"):
        History(str(bad)).named("trunk")
