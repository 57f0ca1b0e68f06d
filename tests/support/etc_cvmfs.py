"""A site's /etc/cvmfs for tests of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from parrot_py import config
from parrot_py.config.effective import Effective
from parrot_py.config.model import RepositoryConfig

FQRN = "sw.some.example.org"
KEY = "/etc/passwd"


class Etc:
    """A site's configuration directory in *place*."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        self.argv: list[str] = []
        self.environ: dict[str, str] = {}

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run(self, *argv: str, **environ: str) -> config.RunConfig:
        environ = {"PARROT_CVMFS_ETC": str(self.place), **self.environ, **environ}
        wanted = config.read([*self.argv, *argv, "ls"], environ)
        assert isinstance(wanted, config.RunConfig)
        return wanted

    def effective(self, *argv: str, name: str = FQRN, **environ: str) -> Effective:
        found = self.run(*argv, **environ).repositories.effective(name)
        assert found is not None
        return found

    def repository(self, *argv: str, name: str = FQRN, **environ: str) -> RepositoryConfig:
        return self.effective(*argv, name=name, **environ).config

    def variable(self, name: str, *argv: str, **environ: str) -> str:
        return self.repository(*argv, **environ).variables[name]


@pytest.fixture
def etc(tmp_path: Path) -> Etc:
    made = Etc(tmp_path / "etc")
    made.environ["PARROT_TEMP_DIR"] = str(tmp_path / "temp")
    return made
