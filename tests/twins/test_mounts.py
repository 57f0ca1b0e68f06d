"""-M on the host's own file systems: each script says and leaves the same on a real bind mount and under parrot_run."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import places
from tests.support.oracle import Oracle
from tests.support.outcome import Outcome, difference
from tests.support.parrot import Parrot, environment
from tests.twins.conftest import OPTIONAL
from tests.twins.test_shell import scripts


class Bound:
    """Both sides, from equal directories: ``real`` is mounted at ``mnt``, ``other`` is an ordinary directory."""

    def __init__(self, home: Path, oracle: Oracle, parrot: Parrot) -> None:
        self.home, self.oracle, self.parrot = home, oracle, parrot
        self.mounted, self.real, self.other = (home / "w" / name for name in ("mnt", "real", "other"))

    def _prepare(self) -> dict[str, str]:
        places.fresh(self.home / "w")
        for directory in (self.mounted, self.real, self.other):
            places.fresh(directory)
        more = {"M": str(self.mounted), "O": str(self.other), "LC_ALL": "C"}
        return environment(self.home / "w", more)

    def native(self, argv: list[str]) -> tuple[Outcome, list[str]]:
        """The command where the directory is really mounted, and what it left."""
        env = {**self._prepare(), "PARROT_ENABLED": "TRUE"}
        told = self.oracle.run(argv, cwd=self.home / "w", env=env, timeout=120, binds=[(self.real, self.mounted)])
        return told, self._left()

    def under_parrot(self, argv: list[str]) -> tuple[Outcome, list[str]]:
        """The command under parrot_run, and what it left."""
        env = self._prepare()
        options = ["-M", f"{self.mounted}={self.real}"]
        told = self.parrot.run(argv, cwd=self.home / "w", env=env, timeout=120, options=options)
        return told, self._left()

    def _left(self) -> list[str]:
        """What is in the directories: kinds, permissions, the length of files."""
        found = []
        for top, _, files in os.walk(self.home / "w"):
            for path in (top, *(os.path.join(top, name) for name in files)):
                status = os.lstat(path)
                size = status.st_size if stat.S_ISREG(status.st_mode) and ".git/" not in path else 0
                found.append(f"{os.path.relpath(path, self.home)} {stat.filemode(status.st_mode)} {size}")
        return sorted(line for line in found if "/objects/" not in line and "tmp" not in line)

    def check(self, argv: list[str]) -> Outcome:
        """Both sides end, say and leave the same, to the byte."""
        (native, before), (parrot, after) = self.native(argv), self.under_parrot(argv)
        told = difference(native, parrot)
        assert not told, told
        assert before == after
        return native


@pytest.fixture
def bound(home: Path, oracle: Oracle, parrot: Callable[..., Parrot]) -> Bound:
    """Both sides."""
    return Bound(home, oracle, parrot())


@pytest.mark.parametrize("script", scripts("mounts"))
def test_bind(bound: Bound, script: str) -> None:
    for tool in (*OPTIONAL, "gcc", "findmnt"):
        if re.search(rf"\b{tool} ", script) and shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    told = bound.check(["/bin/bash", "-c", f"cd $M\n{script}\necho status $?"])
    assert told.stdout.count(b"\n") > 3
