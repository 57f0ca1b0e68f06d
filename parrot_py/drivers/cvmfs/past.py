"""Former revisions of a repository, as its history names them."""

from __future__ import annotations

import errno
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Union

from parrot_py.drivers.cvmfs.catalogs.history import History, Tag
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.trust.manifest import Manifest
from parrot_py.drivers.cvmfs.trust.proof import Prover

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver

Which = Union[str, int, datetime, None]
"""A revision: its number, a tag, the text of a root hash, a date (the last one published by then), None: the newest."""


class Revision(NamedTuple):
    """A revision that can still be opened: number, text of the root hash, Unix time of publication, names."""

    number: int
    root_hash: str
    timestamp: int
    tags: tuple[str, ...] = ()


def newest(driver: CvmfsDriver) -> Manifest:
    """The manifest of the newest revision, proven now; raises Failure."""
    return Prover(driver.config, driver.cache, driver.fetcher, driver.store).newest(None, None, with_root=False)


def tags(driver: CvmfsDriver, manifest: Manifest) -> list[Tag]:
    """The tags in the history that *manifest* names, the newest first; raises Failure."""
    return History(driver.store.history_file(manifest.history)).tags() if manifest.history is not None else []


def revisions(driver: CvmfsDriver) -> list[Revision]:
    """What the tags stand for, and the newest revision, which need not have any; the newest first.  Raises Failure."""
    manifest = newest(driver)
    first = Revision(manifest.revision, str(manifest.root), manifest.timestamp)
    found = {(first.number, first.root_hash): first}
    for tag in tags(driver, manifest):
        key = (tag.revision, tag.root)
        known = found.get(key, Revision(tag.revision, tag.root, tag.timestamp))
        found[key] = known._replace(tags=(*known.tags, tag.name))
    return sorted(found.values(), key=lambda revision: -revision.number)


def find(driver: CvmfsDriver, which: Which) -> str:
    """The text of the root hash of the revision *which*; raises ENOENT, or Failure."""
    if isinstance(which, str):
        try:
            return str(ContentHash.parse(which))
        except ValueError:
            pass  # a tag, then, or a number
    there = revisions(driver)
    if which is None:
        return there[0].root_hash
    if isinstance(which, datetime):
        fitting = [each for each in there if each.timestamp <= which.timestamp()]
    else:
        fitting = [each for each in there if which in each.tags]
        fitting = fitting or [each for each in there if str(each.number) == str(which)]
    if not fitting:
        raise OSError(errno.ENOENT, "no such tag, and no tag has that revision or date", str(which))
    return fitting[0].root_hash
