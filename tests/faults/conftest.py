"""Small repositories, whole or damaged, and what every failure must look like from inside a job."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.objects import ChunkSizes
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish
from tests.support import places
from tests.support.cache import bad_objects
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, repository
from tests.support.sites import Site, made_site

NAME = "small.parrot.test"
TOP = f"/cvmfs/{NAME}"
BIG = bytes(range(256)) * 1024
QUICK = {"timeout": "1", "timeout_direct": "1"}


def small_tree(place: Path) -> None:
    """One of everything that is fetched on its own: files, a chunked file, a nested catalog."""
    (place / "tree" / "nested").mkdir(parents=True)
    (place / "tree" / "file").write_text("content\n")
    (place / "tree" / "other").write_text("other content\n")
    (place / "tree" / "big").write_bytes(BIG)
    (place / "tree" / "link").symlink_to("file")
    (place / "tree" / "nested" / ".cvmfscatalog").touch()
    (place / "tree" / "nested" / "inner").write_text("inner content\n")


def keys_of(owner: str) -> Path:
    """A directory with keys for NAME; making keys is slow, so each owner's are made once."""

    def make(place: Path) -> None:
        open_keys(place, NAME)

    return places.once(f"keys-{owner}", make)


def publish_small(web: Path, owner: str = "us", **options: Any) -> Path:
    """Publish the small tree in *web*; answers the repository's directory."""
    tree = places.once("small", small_tree) / "tree"
    sizes = ChunkSizes(64 << 10, 64 << 10, 64 << 10)
    return publish(tree, web, open_keys(keys_of(owner), NAME), PublishOptions(chunk_sizes=sizes, **options)).repository


@dataclass
class Damage:
    """A served repository and a run that reads it."""

    site: Site
    run: Parrot
    directory: Path

    def read(self, path: str = "file") -> Outcome:
        """``cat`` a path of the repository."""
        return self.run.run(["cat", f"{TOP}/{path}"], timeout=90)

    def refused(self, path: str = "file", *words: str) -> None:
        """Reading *path* is EIO; the log tells who, where and why; the cache holds nothing wrong."""
        told = self.read(path)
        assert told.status == 1, told
        assert told.stdout == b"", told
        assert told.stderr == f"cat: {TOP}/{path}: Input/output error\n".encode(), told
        log = told.log.decode()
        lines = [line for line in log.splitlines() if NAME in line]
        assert lines, f"no line of the log names the repository:\n{log}"
        for word in words:
            assert any(word in line for line in lines), f"no line tells {word!r}:\n{log}"
        assert "Traceback" not in log
        assert bad_objects(self.run.cache, self.directory) == []

    def heals(self, path: str = "file", content: bytes = b"content\n") -> None:
        """Once the damage is repaired, a new run reads well: nothing wrong was kept."""
        self.site.server.heal()
        assert self.read(path).expect().stdout == content


@pytest.fixture
def damage(home: Path) -> Iterator[Callable[..., Damage]]:
    """``damage(owner=…, key_of=…, publish options…)``: a repository of its own on a server of its own."""
    with ExitStack() as stack:

        def make(owner: str = "us", key_of: str = "us", **options: Any) -> Damage:
            directory = publish_small(home / "web", owner, **options)
            subprocess.run(["chmod", "-R", "a+rX", str(home / "web")], check=True)
            key = keys_of(key_of) / f"{NAME}.pub"
            site = stack.enter_context(made_site(home / "web", {NAME: key}))
            entry = repository(NAME, site.url(NAME), key, **QUICK)
            return Damage(site, Parrot(home, [entry], ["-T", "4"]), directory)

        yield make
