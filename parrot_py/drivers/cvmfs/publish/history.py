"""The databases that remember former revisions: named tags, for clients to look up, and the server's reflog."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from parrot_py import codes
from parrot_py.drivers.cvmfs.catalogs.history import History, Tag
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.publish.catalog import close_database, new_database
from parrot_py.drivers.cvmfs.publish.objects import PublishError
from parrot_py.drivers.cvmfs.trouble import Failure

__all__ = [
    "REF_CATALOG",
    "REF_CERTIFICATE",
    "REF_HISTORY",
    "REF_METAINFO",
    "TRUNK",
    "TRUNK_PREVIOUS",
    "Reference",
    "Tag",
    "advance_tags",
    "history_bytes",
    "read_references",
    "read_tags",
    "reflog_bytes",
    "refuse_taken",
    "with_tag",
]

TRUNK, TRUNK_PREVIOUS = "trunk", "trunk-previous"
REF_CATALOG, REF_CERTIFICATE, REF_HISTORY, REF_METAINFO = range(4)

_PROPERTIES = "CREATE TABLE properties (key TEXT, value TEXT, CONSTRAINT pk_properties PRIMARY KEY (key))"
_HISTORY = (
    _PROPERTIES,
    "CREATE TABLE branches (branch TEXT, parent TEXT, initial_revision INTEGER, "
    "CONSTRAINT pk_branch PRIMARY KEY (branch), FOREIGN KEY (parent) REFERENCES branches (branch), "
    "CHECK ((branch <> '') OR (parent IS NULL)), CHECK ((branch = '') OR (parent IS NOT NULL)))",
    "CREATE TABLE tags (name TEXT, hash TEXT, revision INTEGER, timestamp INTEGER, channel INTEGER, "
    "description TEXT, size INTEGER, branch TEXT, CONSTRAINT pk_tags PRIMARY KEY (name), "
    "FOREIGN KEY (branch) REFERENCES branches (branch))",
    "CREATE TABLE recycle_bin (hash TEXT, flags INTEGER, CONSTRAINT pk_hash PRIMARY KEY (hash))",
)
_REFLOG = (
    _PROPERTIES,
    "CREATE TABLE refs (hash TEXT, type INTEGER, timestamp INTEGER, CONSTRAINT pk_refs PRIMARY KEY (hash))",
)


class Reference(NamedTuple):
    """A line of the reflog: an object that some revision needed, and when it was first seen."""

    name: str
    kind: int
    timestamp: int


def read_tags(file: Path) -> list[Tag]:
    """The tags in the (unpacked) history database *file*, newest first; PublishError when it is none."""
    try:
        return History(str(file)).tags()
    except Failure as error:
        raise PublishError(f"the history in place is unreadable: {error}", codes.PUBLISH_DAMAGED) from error


def advance_tags(tags: Iterable[Tag], head: Tag) -> list[Tag]:
    """*tags* after a publication: the trunk becomes the previous trunk, *head* the trunk and, if named so, a tag."""
    known = {tag.name: tag for tag in tags}
    former = known.pop(TRUNK, None)
    if former is not None:
        known[TRUNK_PREVIOUS] = former._replace(name=TRUNK_PREVIOUS, description="default undo target")
    if head.name != TRUNK:
        known[head.name] = head
    known[TRUNK] = head._replace(name=TRUNK, description="current HEAD")
    return list(known.values())


def with_tag(tags: Iterable[Tag], tag: Tag) -> list[Tag]:
    """*tags* with *tag*, in place of one of that name."""
    return [*(known for known in tags if known.name != tag.name), tag]


def refuse_taken(tags: Iterable[Tag], name: str) -> None:
    """Raises PublishError when *tags* has *name*: a tag is moved only on purpose."""
    for tag in tags:
        if tag.name == name:
            raise PublishError(
                f"there is a tag {name!r} already, at revision {tag.revision}; --force moves it", codes.PUBLISH_TAG
            )


def history_bytes(work: Path, fqrn: str, tags: Iterable[Tag], previous: ContentHash | None) -> bytes:
    """A history database with *tags* that takes the place of *previous*.  *work* is for scratch files."""
    database = new_database(work / "history", _HISTORY)
    properties = {"schema": "1.0", "schema_revision": "3", "fqrn": fqrn}
    if previous is not None:
        properties["previous_revision"] = str(previous)
    database.executemany("INSERT INTO properties VALUES (?, ?)", list(properties.items()))
    database.execute("INSERT INTO branches VALUES ('', NULL, 0)")
    database.executemany("INSERT INTO tags VALUES (?, ?, ?, ?, ?, ?, ?, ?)", list(tags))
    return close_database(database, work / "history")


def read_references(file: Path) -> list[Reference]:
    """The lines of the reflog *file*, oldest first; raises sqlite3.Error when it is damaged."""
    return [Reference(*row) for row in _read(file, "SELECT hash, type, timestamp FROM refs ORDER BY rowid")]


def reflog_bytes(work: Path, fqrn: str, references: Iterable[Reference]) -> bytes:
    """A reflog with *references*; of two for one object the first counts."""
    database = new_database(work / "reflog", _REFLOG)
    properties = {"schema": "1.0", "schema_revision": "0", "fqrn": fqrn}
    database.executemany("INSERT INTO properties VALUES (?, ?)", list(properties.items()))
    database.executemany("INSERT OR IGNORE INTO refs VALUES (?, ?, ?)", list(references))
    return close_database(database, work / "reflog")


def _read(file: Path, query: str) -> list[tuple[Any, ...]]:
    database = sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()
