"""Turn a directory into a signed CernVM-FS repository in a plain web directory: no root, kernel module or server.

    keys = open_keys(Path("keys"), "sw.example.org")
    publish(Path("tree"), Path("web"), keys)

``web/sw.example.org/`` is then what a web server has to show as ``/cvmfs/sw.example.org``.  Publishing again makes
the next revision.  The manifest is replaced last and by rename, so readers see the old revision or the new one.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

from parrot_py import codes
from parrot_py.drivers.cvmfs.hashes import CERTIFICATE, METAINFO
from parrot_py.drivers.cvmfs.publish import history
from parrot_py.drivers.cvmfs.publish.content import Built, RevisionBuilder
from parrot_py.drivers.cvmfs.publish.index import FileIndex
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.letter import ManifestFields
from parrot_py.drivers.cvmfs.publish.objects import PublishError
from parrot_py.drivers.cvmfs.publish.options import DEFAULT_TTL, Published, PublishOptions, check_name
from parrot_py.drivers.cvmfs.publish.site import Site, opened_site
from parrot_py.drivers.cvmfs.publish.whitelist import renew_whitelist, write_whitelist
from parrot_py.drivers.cvmfs.publish.work import index_file, recipe

__all__ = ["PublishOptions", "Published", "check_name", "check_places", "publish", "renew_whitelist"]


def publish(source: Path, web: Path, keys: RepositoryKeys, options: PublishOptions | None = None) -> Published:
    """Publish the content of *source* as the next revision of ``keys.fqrn`` below *web*.

    A source that says what the revision in place says makes no new one, unless the options ask for it.
    Raises PublishError, with nothing published, for anything that cannot be read, written or expressed in the format.
    """
    options = options or PublishOptions()
    check_name(keys.fqrn)
    check_places(source, web / keys.fqrn, keys.directory)
    began = time.time_ns()
    with opened_site(web, keys, options, new=True) as site:
        revision = _next_revision(site)
        tags = site.previous.tags() if site.previous else []
        if options.tag is not None and not options.force:
            history.refuse_taken(tags, options.tag)
        index = FileIndex(index_file(keys.directory, keys.fqrn), site.work, recipe(site.store, options), began)
        try:
            built = _build(source, site, index, revision)
            expires = write_whitelist(site)
            manifest = _manifest(site, built, revision, tags)
            if site.previous is None or _news(manifest) != _news(site.previous.manifest):
                site.commit(manifest)
            index.save()
        finally:
            index.close()
        added = len(site.store.written)
        place = site.store.repository
        return Published(
            keys.fqrn, place, keys.public_key_file, int(manifest.S), built.root, added, expires, built.changed
        )


def check_places(source: Path, repository: Path, keys: Path) -> None:
    """Raises PublishError where a publication would contain itself, or give the private keys to everybody."""
    if not source.is_dir():
        raise PublishError(f"{source} is not a directory", codes.PUBLISH_SOURCE)
    for inner, outer, what in (
        (repository, source, "the output {} lies in the source {}"),
        (keys, source, "the keys in {} would be published, as they lie in the source {}"),
        (keys, repository, "the keys in {} would be served, as they lie in the output {}"),
    ):
        if outer.resolve() in (inner.resolve(), *inner.resolve().parents):
            raise PublishError(what.format(inner, outer), codes.PUBLISH_USAGE)


def _build(source: Path, site: Site, index: FileIndex, revision: int) -> Built:
    builder = RevisionBuilder(site, index)
    try:
        return builder.build(os.fsencode(source), revision)
    finally:
        builder.close()


def _next_revision(site: Site) -> int:
    last = site.previous.revision if site.previous else 0
    wanted = site.options.revision
    if wanted is not None and wanted <= last:
        raise PublishError(
            f"revision {wanted} is not above the {last} in place: clients would not take it", codes.PUBLISH_TAG
        )
    return last + 1 if wanted is None else wanted


def _manifest(site: Site, built: Built, revision: int, tags: list[history.Tag]) -> ManifestFields:
    """The manifest of the revision that was *built*; with the old number where nothing changed."""
    options, former = site.options, site.previous.manifest if site.previous else None
    number = revision if built.changed or former is None else int(former.S)
    head = history.Tag(history.TRUNK, str(built.root), number, site.now, 0, "", built.size)
    if options.tag is not None:
        head = head._replace(name=options.tag, description=options.tag_description)
    if built.changed:
        known = site.put_history(history.advance_tags(tags, head))
    elif options.tag is not None:
        known = site.put_history(history.with_tag(tags, head._replace(timestamp=site.in_place.timestamp)))
    else:
        known = site.in_place.history or site.put_history(tags)
    return ManifestFields(
        C=str(built.root),
        B=str(built.size),
        D=str(options.ttl if options.ttl is not None else former.D if former else DEFAULT_TTL),
        S=str(number),
        G=_yes_or_no(options.garbage_collectable, former.G if former else "no"),
        A=_yes_or_no(options.alternative_paths, former.A if former else "no"),
        N=site.keys.fqrn,
        X=str(site.store.put(site.keys.certificate, CERTIFICATE)),
        H=str(known),
        T=str(site.now),
        M=_meta(site),
    )


def _news(manifest: ManifestFields) -> ManifestFields:
    """What a manifest says, without the time and the reflog that go with every new one."""
    return replace(manifest, T="", Y="")


def _yes_or_no(wanted: bool | None, former: str) -> str:
    return former if wanted is None else "yes" if wanted else "no"


def _meta(site: Site) -> str:
    """The name of the meta-information: what the options say, else what there was."""
    if not site.options.meta and site.previous is not None and site.previous.manifest.M:
        return site.previous.manifest.M
    fqrn = site.keys.fqrn
    meta = {"administrator": "", "email": "", "organisation": "", "description": fqrn, "url": "", **site.options.meta}
    return str(site.store.put((json.dumps(meta, indent=2) + "\n").encode("ascii"), METAINFO))
