"""Repositories on a web server, ready to be named on a command line."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import places
from tests.support.httpd import Server
from tests.support.parrot import repository

REAL = ("basic.parrot.test", "shake.parrot.test", "rmd.parrot.test")


@dataclass
class Site:
    """A running server with repositories; *keys* are their master public keys."""

    server: Server
    keys: Mapping[str, Path]

    def url(self, name: str) -> str:
        """Where repository *name* is."""
        return f"{self.server.url}/cvmfs/{name}"

    def entry(self, name: str, **options: str) -> str:
        """What ``-r`` needs to know about it."""
        return repository(name, self.url(name), self.keys[name], **options)


def unpacked() -> Path:
    """The real repositories, unpacked once per run of the tests."""

    def unpack(place: Path) -> None:
        for name in REAL:
            with tarfile.open(places.CHECKOUT / "tests" / "data" / "repos" / f"{name}.tar.gz") as archive:
                archive.extractall(place)
        for path in place.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)

    return places.once("real", unpack)


@contextmanager
def real_site() -> Iterator[Site]:
    """The real repositories on a server; the external data of *shake* under ``/ext``."""
    top = unpacked()
    mounts = {f"/cvmfs/{name}": top / name / "www" / name for name in REAL}
    mounts["/ext"] = top / "shake.parrot.test" / "ext" / "shake.parrot.test"
    with Server(mounts) as server:
        yield Site(server, {name: top / name / f"{name}.pub" for name in REAL})


@contextmanager
def made_site(web: Path, keys: Mapping[str, Path]) -> Iterator[Site]:
    """Repositories of our own making: *web* holds one directory for each."""
    with Server({f"/cvmfs/{name}": web / name for name in keys}) as server:
        yield Site(server, keys)
