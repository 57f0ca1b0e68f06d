"""What a publisher is told, and what it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from parrot_py import codes
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish.catalog import EditCatalog
from parrot_py.drivers.cvmfs.publish.history import TRUNK, TRUNK_PREVIOUS
from parrot_py.drivers.cvmfs.publish.objects import ChunkSizes, PublishError

DEFAULT_TTL = 240
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


@dataclass(frozen=True)
class PublishOptions:
    """How to publish.  The defaults are those of the CernVM-FS server tools, but for the life of the whitelist.

    What is None or empty stays as the revision in place has it: *algorithm* (new: SHA-1), *ttl* (240 seconds), *meta*,
    *garbage_collectable* and *alternative_paths* (no).

    *now*, *owner* and *fixed_mtime* make a publication reproducible.  *external*: shell patterns on paths such as
    ``/data/*``; these files are described but not stored, clients read them from their external URL.
    *edit_catalog* sees each catalog before it is hashed, so that tests can make what no directory contains.

    *new_revision*: make one although nothing changed.  *force*: a *tag* that exists is moved.  *reread*: believe
    nothing of what is known about the files, read all.  *trust_mtime*: a file that has the size and time it had in the
    revision in place is taken to have its content, too.  *workers*: threads that read, pack and hash.
    *drop_certificates*: the whitelist names the certificate in use only, no former one.
    """

    algorithm: Algorithm | None = None
    compression: int = COMPRESSION_ZLIB
    chunk_sizes: ChunkSizes = field(default_factory=ChunkSizes)
    ttl: int | None = None
    revision: int | None = None
    tag: str | None = None
    tag_description: str = ""
    whitelist_days: float = 365
    xattrs: bool = True
    external: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None
    fixed_mtime: int | None = None
    now: int | None = None
    garbage_collectable: bool | None = None
    alternative_paths: bool | None = None
    meta: Mapping[str, object] = field(default_factory=dict)
    edit_catalog: EditCatalog | None = None
    new_revision: bool = False
    force: bool = False
    reread: bool = False
    trust_mtime: bool = False
    workers: int = 2
    drop_certificates: bool = False

    def __post_init__(self) -> None:
        if self.ttl is not None and self.ttl < 0:
            raise PublishError(f"a time to live of {self.ttl} seconds is in the past", codes.PUBLISH_USAGE)
        if self.tag is not None:
            check_tag(self.tag)


@dataclass(frozen=True)
class Published:
    """What came out: *repository* is the directory to serve, *new_objects* counts the objects that were added.

    *changed* is False when the source says what the revision in place says: *revision* is that one then.
    """

    fqrn: str
    repository: Path
    public_key: Path
    revision: int
    root_hash: ContentHash
    new_objects: int
    whitelist_expires: datetime
    changed: bool = True


def check_name(fqrn: str) -> None:
    """Raises PublishError unless *fqrn* can be the name of a repository."""
    if not _NAME.fullmatch(fqrn):
        raise PublishError(
            f"{fqrn!r} is no repository name: 1 to 60 letters, digits, '.', '_', '-'", codes.PUBLISH_USAGE
        )


def check_tag(name: str) -> None:
    """Raises PublishError unless *name* can be a tag that somebody gives."""
    if name in (TRUNK, TRUNK_PREVIOUS) or not _TAG.fullmatch(name):
        raise PublishError(
            f"{name!r} is no name for a tag: letters, digits, '.', '_', '-'; not 'trunk'", codes.PUBLISH_USAGE
        )
