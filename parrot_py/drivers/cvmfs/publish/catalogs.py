"""Whether the catalogs of revisions are whole, agree with each other, and count right."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from parrot_py.drivers.cvmfs.catalogs.schema import FLAG_BIND_MOUNTPOINT
from parrot_py.drivers.cvmfs.hashes import CATALOG, ContentHash
from parrot_py.drivers.cvmfs.publish.expected import Expectations, Expected
from parrot_py.drivers.cvmfs.publish.place import Place, Wrong, unpacked
from parrot_py.drivers.cvmfs.publish.rows import CatalogRows, Line

#: Gets a line that says what is wrong
Complain = Callable[[str], None]
#: Gets every entry of a tree
Visit = Callable[[Line], None]

_SCHEMAS = (b"2.4", b"2.5")
_DEEPEST = 500


class _Facts(NamedTuple):
    """What a checked catalog is to the one above: bytes unpacked, counters with all below, its revision, its top.

    *totals* is None when something below cannot be read, so that nobody can count it.
    """

    size: int
    totals: Counter[str] | None
    revision: int
    top: Line | None


class _Below(NamedTuple):
    path: bytes
    name: ContentHash
    size: int | None
    bound: bool


class CatalogChecks:
    """Reads catalogs of *place*, each once, and says what is wrong; scratch files go to *work*."""

    def __init__(self, place: Place, work: Path, expectations: Expectations, complain: Complain) -> None:
        self._place, self._work, self._expectations, self._complain = place, work, expectations, complain
        self._known: dict[ContentHash, _Facts | None] = {}
        self.entries = 0

    @property
    def catalogs(self) -> int:
        """How many there were."""
        return len(self._known)

    def revision(
        self, root: ContentHash, what: str, size: int | None, number: int | None, visit: Visit | None = None
    ) -> None:
        """Check the root catalog *root*, called *what*, and all below; *size* and *number* are what is said of it."""
        facts = self._catalog(root, b"", size, what, visit, 0)
        if facts is not None and number is not None and facts.revision != number:
            self._complain(f"{what}: its root catalog {root} says that it is revision {facts.revision}")

    def _catalog(
        self, name: ContentHash, prefix: bytes, size: int | None, where: str, visit: Visit | None, depth: int
    ) -> _Facts | None:
        if name not in self._known:
            # Before its check, so that a catalog that contains itself ends.
            self._known[name] = None
            try:
                self._known[name] = self._read(name, prefix, visit, depth)
            except Wrong as error:
                self._complain(f"{where}: {error}")
            except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
                self._complain(f"{where}: catalog {name} is damaged: {error}")
        facts = self._known[name]
        if facts is not None and size and facts.size != size:
            self._complain(f"{where}: catalog {name} has {facts.size} bytes, not the {size} that are said of it")
        return facts

    def _read(self, name: ContentHash, prefix: bytes, visit: Visit | None, depth: int) -> _Facts:
        if depth > _DEEPEST:
            raise Wrong(f"catalog {name} is nested more than {_DEEPEST} deep")
        file = self._work / f"catalog-{depth}"
        with open(file, "wb") as sink:
            sink.writelines(unpacked(self._place, name, CATALOG))
        size = file.stat().st_size
        self._expectations.add([Expected(name, CATALOG, size, True, prefix)])
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)) as database:
            database.text_factory = bytes
            (verdict, *_), *_ = database.execute("PRAGMA quick_check(1)").fetchall()
            if verdict != b"ok":
                raise Wrong(f"catalog {name} is damaged: {verdict.decode('utf-8', 'replace')}")
            properties = dict(database.execute("SELECT key, value FROM properties").fetchall())
            self._check_properties(name, prefix, properties)
            rows = CatalogRows(database, prefix)
            self._check_rows(rows, visit)
            below = _below(database, name)
            statistics = dict(database.execute("SELECT counter, value FROM statistics").fetchall())
            self._check_chunks(database, name)
        own = rows.own
        own["nested"] += sum(not one.bound for one in below)
        subtree = self._check_below(below, rows, visit, depth)
        for what in (*_miscounted(statistics, "self", own), *_miscounted(statistics, "subtree", subtree)):
            self._complain(f"{_shown(prefix)}: catalog {name}: {what}")
        totals = None if subtree is None else own + subtree
        return _Facts(size, totals, int(properties.get(b"revision", 0)), rows.top)

    def _check_properties(self, name: ContentHash, prefix: bytes, properties: dict[bytes, bytes]) -> None:
        schema = properties.get(b"schema", b"1.0")
        if schema not in _SCHEMAS:
            raise Wrong(f"catalog {name} has schema {schema.decode('ascii', 'replace')}, not 2.4 or 2.5")
        if properties.get(b"root_prefix", b"") != prefix:
            found = os.fsdecode(properties.get(b"root_prefix", b""))
            self._complain(f"{_shown(prefix)}: catalog {name} says that it begins at {found!r}")

    def _check_rows(self, rows: CatalogRows, visit: Visit | None) -> None:
        for line in rows.walk():
            self.entries += 1
            self._expectations.add(rows.expected(line))
            if visit is not None:
                visit(line)
        for path, what in rows.wrong:
            self._complain(f"{_shown(path)}: {what}")

    def _check_chunks(self, database: sqlite3.Connection, name: ContentHash) -> None:
        (stray,) = database.execute(
            "SELECT count(*) FROM chunks LEFT JOIN catalog USING (md5path_1, md5path_2) "
            "WHERE catalog.flags IS NULL OR catalog.flags & 64 = 0"
        ).fetchone()
        if stray:
            self._complain(f"catalog {name}: {stray} chunks belong to no chunked file")

    def _check_below(
        self, below: list[_Below], rows: CatalogRows, visit: Visit | None, depth: int
    ) -> Counter[str] | None:
        """Check the catalogs *below* and the entries that lead to them; answers their counters, if all have some."""
        subtree: Counter[str] | None = Counter()
        for one in below:
            entry = rows.boundaries.pop(one.path, None)
            if entry is None or bool(entry.flags & FLAG_BIND_MOUNTPOINT) is not one.bound:
                self._complain(f"{_shown(one.path)}: a nested catalog begins here, and no entry says so")
            if one.bound:
                self._catalog(one.name, b"", one.size, f"{_shown(one.path)}, bound here", None, depth + 1)
                continue
            facts = self._catalog(one.name, one.path, one.size, _shown(one.path), visit, depth + 1)
            if facts is None:
                subtree = None
                continue
            subtree = None if subtree is None or facts.totals is None else subtree + facts.totals
            if entry is not None and facts.top is not None and entry.attributes != facts.top.attributes:
                self._complain(f"{_shown(one.path)}: its entry and the top of its catalog have different attributes")
        for path in rows.boundaries:
            self._complain(f"{_shown(path)}: the entry leads to a nested catalog, and none is named")
        return subtree


def _below(database: sqlite3.Connection, name: ContentHash) -> list[_Below]:
    tables = {table for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    found = []
    for table, bound in ((b"nested_catalogs", False), (b"bind_mountpoints", True)):
        if table in tables:
            for path, text, size in database.execute(f"SELECT path, sha1, size FROM {table.decode()} ORDER BY path"):
                try:
                    found.append(_Below(path, ContentHash.parse(text.decode("ascii", "replace")), size, bound))
                except ValueError as error:
                    raise Wrong(f"catalog {name}: the nested catalog at {_shown(path)}: {error}") from None
    return found


def _miscounted(statistics: dict[bytes, int], scope: str, counted: Counter[str] | None) -> list[str]:
    """The counters of *scope* that are not what was *counted*; none where that is not known."""
    if counted is None:
        return []
    start = f"{scope}_"
    named = {key.decode("ascii", "replace") for key in statistics}
    found = []
    for counter in sorted({name[len(start) :] for name in named if name.startswith(start)} | counted.keys()):
        stated = statistics.get(f"{start}{counter}".encode(), 0)
        if stated != counted[counter]:
            found.append(f"counter {start}{counter} is {stated}, and there are {counted[counter]}")
    return found


def _shown(path: bytes) -> str:
    return os.fsdecode(path) or "/"
