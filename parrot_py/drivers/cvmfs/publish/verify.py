"""``parrot_publish --verify``: whether a published repository is whole, read as a client reads it.

Everything is looked at: signatures, whitelist, history, reflog, every catalog of every revision that has a name or is
in the reflog, and every byte of every object.  What reads here is what clients read with (letters, whitelist, history)
or is written for this alone (catalogs, objects), not what the publisher writes with.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from parrot_py.drivers.cvmfs.catalogs.history import History
from parrot_py.drivers.cvmfs.hashes import CERTIFICATE, HISTORY, METAINFO, ContentHash
from parrot_py.drivers.cvmfs.publish.against import Comparison
from parrot_py.drivers.cvmfs.publish.catalogs import CatalogChecks
from parrot_py.drivers.cvmfs.publish.expected import Expectations, Expected, check_contents, is_object
from parrot_py.drivers.cvmfs.publish.history import (
    REF_CATALOG,
    REF_CERTIFICATE,
    REF_HISTORY,
    REF_METAINFO,
    TRUNK,
    Reference,
    read_references,
)
from parrot_py.drivers.cvmfs.publish.options import PublishOptions
from parrot_py.drivers.cvmfs.publish.place import Place, Wrong, place_of, read_file, read_object
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.cvmfs.trust.letter import Letter, TrustError, load_public_keys
from parrot_py.drivers.cvmfs.trust.manifest import Manifest, read_manifest
from parrot_py.drivers.cvmfs.trust.whitelist import Blacklist, Certificate, check_certificate, check_whitelist

_LETTERS = {REF_CERTIFICATE: CERTIFICATE, REF_HISTORY: HISTORY, REF_METAINFO: METAINFO}
_SMALL = 1 << 20
_META_LIMIT = 64 << 10
_DATABASE_LIMIT = 1 << 30


@dataclass
class Report:
    """What was found; *notes* are what is odd and does no harm."""

    found: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    revision: int = 0
    revisions: int = 0
    catalogs: int = 0
    entries: int = 0
    objects: int = 0
    bytes: int = 0
    orphans: int = 0
    orphan_bytes: int = 0

    def complain(self, line: str) -> None:
        """Note a problem, once."""
        self.found[line] = None

    @property
    def problems(self) -> list[str]:
        """One line for each, in the order in which they were found."""
        return list(self.found)

    def as_json(self) -> dict[str, object]:
        """All of it for programs."""
        told = asdict(self)
        del told["found"]
        return {"problems": self.problems, **told}


def verify(
    where: str,
    fqrn: str,
    public_keys: Sequence[Path],
    *,
    against: Path | None = None,
    options: PublishOptions | None = None,
) -> Report:
    """Check the repository *fqrn* at *where*, a directory or a URL, whose master key is one of *public_keys*.

    With *against* the newest revision must also be what *options* make of that directory.  Raises PublishError only
    when there is nothing to begin with; all that is wrong with the repository is in the report.
    """
    options = options or PublishOptions()
    place = place_of(where, options.workers)
    with (
        tempfile.TemporaryDirectory(prefix="parrot-verify-") as scratch,
        closing(Expectations(Path(scratch) / "expected")) as expectations,
    ):
        checks = _Verification(place, fqrn, Path(scratch), expectations, options)
        checks.run(public_keys, against)
        return checks.report


class _Verification:
    """One run."""

    def __init__(
        self, place: Place, fqrn: str, work: Path, expectations: Expectations, options: PublishOptions
    ) -> None:
        self.report = Report()
        self._place, self._fqrn, self._work, self._options = place, fqrn, work, options
        self._expectations = expectations
        self._catalogs = CatalogChecks(place, work, expectations, self.report.complain)

    def run(self, public_keys: Sequence[Path], against: Path | None) -> None:
        """Check everything, the newest revision first."""
        try:
            manifest, letter = read_manifest(read_file(self._place, ".cvmfspublished", _SMALL), self._fqrn)
        except (Wrong, TrustError) as error:
            self.report.complain(f".cvmfspublished: {error}")
            return
        self.report.revision = manifest.revision
        self._check_trust(manifest, letter, public_keys)
        comparison = Comparison(self._place, self._work, self._options, self.report.complain) if against else None
        visit = comparison.note if comparison else None
        self._catalogs.revision(manifest.root, "trunk", manifest.root_size, manifest.revision, visit)
        roots = {manifest.root}
        roots |= self._check_history(manifest, roots)
        self._check_meta(manifest)
        roots |= self._check_reflog(manifest, letter, roots)
        self.report.revisions = len(roots)
        self.report.catalogs, self.report.entries = self._catalogs.catalogs, self._catalogs.entries
        for size, problem in check_contents(self._place, self._expectations, self._options.workers):
            self.report.objects += 1
            self.report.bytes += size
            if problem is not None:
                self.report.complain(problem)
        if self._place.directory is not None:
            self._count_orphans(self._place.directory)
        if comparison is not None and against is not None:
            comparison.run(against)

    def _check_trust(self, manifest: Manifest, letter: Letter, public_keys: Sequence[Path]) -> None:
        """Certificate, its signature, and the whitelist that allows it."""
        self._expect(manifest.certificate, CERTIFICATE)
        certificate = None
        try:
            certificate = Certificate.parse(read_object(self._place, manifest.certificate, CERTIFICATE, _SMALL))
            if not certificate.key.signed_sha1(letter.hash_text, letter.signature):
                self.report.complain(".cvmfspublished: not signed by the repository's certificate")
        except (Wrong, TrustError) as error:
            self.report.complain(f"certificate: {error}")
        now = datetime.now(timezone.utc)
        if self._options.now is not None:
            now = datetime.fromtimestamp(self._options.now, timezone.utc)
        try:
            keys = load_public_keys(public_keys)
            whitelist = check_whitelist(read_file(self._place, ".cvmfswhitelist", _SMALL), keys, self._fqrn, now)
            if certificate is not None:
                check_certificate(certificate, whitelist, Blacklist())
        except (Wrong, TrustError) as error:
            self.report.complain(f".cvmfswhitelist: {error}")

    def _check_history(self, manifest: Manifest, known: set[ContentHash]) -> set[ContentHash]:
        """The tags and their revisions; answers their roots."""
        if manifest.history is None:
            return set()
        self._expect(manifest.history, HISTORY)
        try:
            file = self._work / "history"
            file.write_bytes(read_object(self._place, manifest.history, HISTORY, _DATABASE_LIMIT))
            tags = History(str(file)).tags()
            roots = {tag.name: tag.hash for tag in tags}
        except (Wrong, Failure) as error:
            self.report.complain(f"history: {error}")
            return set()
        for tag in tags:
            self._catalogs.revision(tag.hash, f"tag {tag.name}", tag.size or None, tag.revision)
            if tag.name == TRUNK and (tag.hash, tag.revision) != (manifest.root, manifest.revision):
                self.report.complain(f"history: trunk is revision {tag.revision}, not that of the manifest")
        return set(roots.values()) - known

    def _check_meta(self, manifest: Manifest) -> None:
        if manifest.metainfo is None:
            return
        self._expect(manifest.metainfo, METAINFO)
        try:
            json.loads(read_object(self._place, manifest.metainfo, METAINFO, _META_LIMIT))
        except (Wrong, ValueError) as error:
            self.report.complain(f"meta-information: {error}")

    def _check_reflog(self, manifest: Manifest, letter: Letter, known: set[ContentHash]) -> set[ContentHash]:
        """The revisions that only the reflog knows; answers their roots."""
        lines = letter.payload.decode("utf-8", "replace").split("\n")
        stated = next((line[1:] for line in lines if line.startswith("Y")), "")
        file = self._work / "reflog"
        try:
            file.write_bytes(read_file(self._place, ".cvmfsreflog", _DATABASE_LIMIT))
            references = read_references(file)
            roots = [ContentHash.parse(one.name) for one in references if one.kind == REF_CATALOG]
            self._expect_documents(references)
        except Wrong as error:
            if stated:
                self.report.notes.append(f".cvmfsreflog: {error}; garbage collection follows the revisions without it")
            return set()
        except (sqlite3.Error, ValueError) as error:
            self.report.complain(f".cvmfsreflog: damaged: {error}")
            return set()
        if stated and str(ContentHash.parse(stated).algorithm.hash(file.read_bytes())) != stated:
            self.report.notes.append(
                ".cvmfsreflog is not the one that the manifest names; the next publication mends it"
            )
        if manifest.root not in roots:
            self.report.notes.append(".cvmfsreflog lacks the revision in place; the next publication mends it")
        for root in roots:
            if root not in known:
                self._catalogs.revision(root, "a revision of the reflog", None, None)
        return set(roots) - known

    def _expect_documents(self, references: list[Reference]) -> None:
        for one in references:
            if one.kind in _LETTERS:
                self._expect(ContentHash.parse(one.name), _LETTERS[one.kind])

    def _expect(self, name: ContentHash, letter: str) -> None:
        self._expectations.add([Expected(name, letter, 0, True, b"")])

    def _count_orphans(self, directory: Path) -> None:
        """Objects that nothing names: what a killed publisher left, or revisions that are forgotten."""
        for bucket in sorted(os.scandir(directory / "data"), key=lambda entry: entry.name):
            if not bucket.is_dir():
                continue
            for entry in os.scandir(bucket.path):
                found = is_object(bucket.name, entry.name)
                if found is not None and not self._expectations.knows(*found):
                    self.report.orphans += 1
                    self.report.orphan_bytes += entry.stat().st_size
