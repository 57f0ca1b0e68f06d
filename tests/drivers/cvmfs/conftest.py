"""The three real repositories, a web server that shows them, and repositories of our own making."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.cache.local import BOOKS
from tests.drivers.cvmfs.forge import Forge, name_of
from tests.drivers.cvmfs.truth import ARCHIVES, BASIC, RMD, SHAKE
from tests.drivers.cvmfs.ways import Ways
from tests.support.httpd import Server

VARIABLES = {"MYVAR": "chosen"}
# Short enough for tests of what fails; nothing that works comes near them on loopback.
PATIENCE: dict[str, Any] = {
    "timeout": 30.0,
    "timeout_direct": 30.0,
    "deadline": 100.0,
    "backoff_init": 0.02,
    "backoff_max": 0.1,
}


@dataclass
class Site:
    """A server with repositories, and configurations to read them with."""

    server: Server
    keys: dict[str, Path]
    external: str
    cache: Path

    def config(self, name: str, **changes: Any) -> RepositoryConfig:
        """How to reach repository *name* here."""
        config = RepositoryConfig(
            fqrn=name,
            urls=(f"{self.server.url}/cvmfs/{name}",),
            public_keys=(self.keys[name],),
            cache_dir=self.cache,
            external_urls=(self.external,),
            variables=VARIABLES,
            **PATIENCE,
        )
        return config._replace(**changes)

    def objects(self) -> list[Path]:
        """What is in the cache, the books of parrot_py excepted."""
        return [path for path in self.cache.rglob("*") if BOOKS not in path.parts]


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the real repositories are unpacked, one directory each."""
    directory = tmp_path_factory.mktemp("repos")
    for name in (BASIC, SHAKE, RMD):
        with tarfile.open(ARCHIVES / f"{name}.tar.gz") as archive:
            archive.extractall(directory)
    return directory


@pytest.fixture
def site(real: Path, tmp_path: Path) -> Iterator[Site]:
    """The real repositories on a server of this test's own, with an empty cache."""
    mounts = {f"/cvmfs/{name}": real / name / "www" / name for name in (BASIC, SHAKE, RMD)}
    mounts["/ext"] = real / SHAKE / "ext" / SHAKE
    keys = {name: real / name / f"{name}.pub" for name in (BASIC, SHAKE, RMD)}
    with Server(mounts) as server:
        yield Site(server, keys, f"{server.url}/ext", tmp_path / "cache")


@pytest.fixture
def opened() -> Iterator[Callable[[RepositoryConfig], Repository]]:
    """Makes repositories and closes them after the test."""
    made: list[Repository] = []

    def make(config: RepositoryConfig) -> Repository:
        made.append(Repository(config))
        return made[-1]

    yield make
    for repository in made:
        repository.close()


@dataclass
class Forged:
    """A forged repository on a server of its own."""

    forge: Forge
    server: Server
    cache: Path

    def config(self, **changes: Any) -> RepositoryConfig:
        """How to reach it."""
        config = RepositoryConfig(
            fqrn=self.forge.name,
            urls=(f"{self.server.url}/cvmfs/{self.forge.name}",),
            public_keys=(self.forge.key_file,),
            cache_dir=self.cache,
            **PATIENCE,
        )
        return config._replace(**changes)

    @staticmethod
    def object(data: bytes) -> str:
        """The pattern of requests for the object that holds *data*."""
        return f"*{name_of(data).object_path()}"

    def asked_for(self, data: bytes) -> int:
        """How many requests for the object that holds *data* there were."""
        return self.server.count(self.object(data))

    def cached(self) -> set[str]:
        """The names of all files in the cache."""
        found = [path.relative_to(self.cache) for path in self.cache.rglob("*") if path.is_file()]
        return {str(path) for path in found if BOOKS not in path.parts}


@pytest.fixture
def forged(tmp_path: Path) -> Iterator[Forged]:
    """An empty repository directory to forge something in, already served."""
    forge = Forge(tmp_path / "forged")
    with Server({f"/cvmfs/{forge.name}": forge.directory}) as server:
        yield Forged(forge, server, tmp_path / "cache")


@pytest.fixture
def ways(tmp_path: Path) -> Iterator[Ways]:
    """Servers and proxies of this test's own."""
    with Ways(tmp_path) as ways:
        yield ways
