"""-M on the host's own file systems: each script says and leaves the same on a real bind mount and under parrot_run."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.oracle import Oracle
from tests.support.outcome import Outcome, difference
from tests.support.parrot import Parrot, environment, repository
from tests.twins.conftest import OPTIONAL
from tests.twins.test_shell import scripts

MOUNT_WALK = Path(__file__).parent.parent / "support" / "mount_walk.py"


class Bound:
    """Both sides, from equal directories: ``deep/er/real`` is mounted at ``mnt``, ``other`` is an ordinary directory.

    *more* are (source, target) of further mounts; a name with a suffix is that of a file.
    """

    def __init__(self, home: Path, oracle: Oracle, parrot: Parrot, more: Sequence[tuple[str, str]] = ()) -> None:
        self.home, self.oracle, self.parrot = home, oracle, parrot
        self.mounted, self.real, self.other = (home / "w" / name for name in ("mnt", "deep/er/real", "other"))
        others = ((home / "w" / source, home / "w" / target) for source, target in more)
        self.pairs = [(self.real, self.mounted), *others]

    def _prepare(self) -> dict[str, str]:
        places.fresh(self.home / "w")
        for directory in (self.mounted, self.real, self.other):
            places.fresh(directory)
        for source, target in self.pairs[1:]:
            self._make(source)
            if self.mounted in target.parents:
                self._make(self.real / target.relative_to(self.mounted))
            else:
                self._make(target)
        more = {"M": str(self.mounted), "O": str(self.other), "R": tree.TOP, "LC_ALL": "C"}
        return environment(self.home / "w", more)

    def _make(self, path: Path) -> None:
        """An empty directory of ours, or a file where the name has a suffix; what is in a repository is there."""
        if self.home not in path.parents:
            return
        if not path.suffix:
            places.fresh(path)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.name}\n")
        places.give(path)
        places.give(path.parent)

    def native(self, argv: list[str]) -> tuple[Outcome, list[str]]:
        """The command where the directory is really mounted, and what it left."""
        env = {**self._prepare(), "PARROT_ENABLED": "TRUE"}
        told = self.oracle.run(argv, cwd=self.home / "w", env=env, timeout=120, binds=self.pairs)
        return told, self._left()

    def under_parrot(self, argv: list[str]) -> tuple[Outcome, list[str]]:
        """The command under parrot_run, and what it left."""
        env = self._prepare()
        options = [word for source, target in self.pairs for word in ("-M", f"{target}={source}")]
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


@pytest.fixture
def several(home: Path, oracle: Oracle, web: str, shared_cache: Path, parrot: Callable[..., Parrot]) -> Bound:
    """Both sides with mounts in a mount, in an ordinary directory and in a repository."""
    entry = repository(tree.NAME, web, tree.twin_tree().key)
    run = parrot([entry], ["--cvmfs-alien-cache", str(shared_cache)])
    return Bound(home, oracle, run, [("far/s", "mnt/sub"), ("far/i", "other/in"), ("far/e", f"{tree.TOP}/emptydir")])


@pytest.fixture
def shown(home: Path, oracle: Oracle, web: str, shared_cache: Path, parrot: Callable[..., Parrot]) -> Bound:
    """Both sides with directories of a repository at other names, and files mounted over files."""
    entry = repository(tree.NAME, web, tree.twin_tree().key)
    run = parrot([entry], ["--cvmfs-alien-cache", str(shared_cache)])
    top = tree.TOP
    repositories = [(f"{top}/dir", "other/sw"), (f"{top}/nested", f"{top}/dir/sub")]
    files = [("far/f.txt", "other/f.txt"), ("far/g.txt", f"{top}/hello.txt")]
    return Bound(home, oracle, run, [("far/s", "mnt/sub"), ("far/i", "other/in"), *repositories, *files])


@pytest.mark.parametrize("script", scripts("mounts_shown"))
def test_shown(shown: Bound, script: str) -> None:
    told = shown.check(["/bin/bash", "-c", f"{script}\necho status $?"])
    assert told.stdout.count(b"\n") > 10


@pytest.mark.parametrize("script", scripts("mounts_ways"))
def test_ways(several: Bound, script: str) -> None:
    told = several.check(["/bin/bash", "-c", f"{script}\necho status $?"])
    assert told.stdout.count(b"\n") > 10


@pytest.mark.parametrize("seed", range(6))
def test_random_calls(several: Bound, seed: int) -> None:
    """What a sequence of calls comes to, over a set of names with links, dots and missing parts."""
    told = several.check([sys.executable, "-I", "-B", str(MOUNT_WALK), str(seed), "400"])
    assert told.stdout.count(b"\n") == 400


@pytest.mark.parametrize("seed", range(100, 103))
def test_random_calls_on_what_is_shown(shown: Bound, seed: int) -> None:
    """The same with directories of a repository and files among the mounts."""
    told = shown.check([sys.executable, "-I", "-B", str(MOUNT_WALK), str(seed), "400"])
    assert told.stdout.count(b"\n") == 400


@pytest.mark.parametrize("script", scripts("mounts"))
def test_bind(bound: Bound, script: str) -> None:
    for tool in (*OPTIONAL, "gcc", "findmnt"):
        if re.search(rf"\b{tool} ", script) and shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    told = bound.check(["/bin/bash", "-c", f"cd $M\n{script}\necho status $?"])
    assert told.stdout.count(b"\n") > 3
