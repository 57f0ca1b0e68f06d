"""What the subcommands share: the configuration that the options describe, and the repositories opened with it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from parrot_py import codes, log
from parrot_py.config import directories, single
from parrot_py.config.model import RepositoryConfig, RunConfig
from parrot_py.drivers.cvmfs.repository import Repository
from parrot_py.errors import ConfigError
from parrot_py.tools.output import Output


class Context:
    """One invocation.  *words* are the options of parrot_run that were given."""

    def __init__(self, words: Sequence[str], output: Output) -> None:
        self.output = output
        self.words = words
        self._run: RunConfig | None = None
        self._opened: dict[str, Repository] = {}

    @property
    def run(self) -> RunConfig:
        """What parrot_run would use; the directories are there and the log is open."""
        if self._run is None:
            run = single.run_config(self.words, os.environ)
            directories.prepare(run)
            log.start(run)
            self._run = run
        return self._run

    def config(self, fqrn: str) -> RepositoryConfig:
        """How to reach *fqrn*; raises ConfigError."""
        return single.find(self.run, fqrn)

    def open(self, fqrn: str) -> Repository:
        """The repository *fqrn*, connected; closed at the end."""
        repository = self.repository(fqrn)
        repository.lookup(b"")
        return repository

    def repository(self, fqrn: str) -> Repository:
        """The repository *fqrn*, not connected yet; closed at the end."""
        if fqrn not in self._opened:
            self._opened[fqrn] = Repository(self.config(fqrn))
        return self._opened[fqrn]

    def locate(self, text: str) -> tuple[Repository, str]:
        """The repository and the path in it that *text* names."""
        fqrn, path = single.fqrn_and_path(text)
        return self.open(fqrn), path

    @staticmethod
    def fqrn(text: str) -> str:
        """The repository that *text* names; raises ConfigError when it names something in it."""
        fqrn, path = single.fqrn_and_path(text)
        if path.strip("/"):
            raise ConfigError(f"the name of a repository is wanted, not of something in it: {text!r}", codes.BAD_NAME)
        return fqrn

    def close(self) -> None:
        """Close what was opened."""
        for repository in self._opened.values():
            repository.close()
