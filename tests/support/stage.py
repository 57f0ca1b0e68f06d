"""Stages: a repository with what a family of big programs needs, the same tree mounted, and scenes played on both.

``tests/compat/scenes/FAMILY.fill.sh`` makes the tree of a family (in the current directory; ``$R`` is where it will be
seen), ``FAMILY.sh`` holds its scenes: bash scripts, each after a line

    #: NAME [fast] [needs=PROGRAM,PROGRAM] [limit=SECONDS]

A scene runs in a new empty directory, natively (the tree mounted read-only) and under parrot_run, and says and leaves
the same.  What differs between any two native runs is replaced before the comparison: see ``NOISE``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.publication import publish
from tests.support import places, rust, sites
from tests.support.oracle import Oracle
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment

SCENES = places.CHECKOUT / "tests" / "compat" / "scenes"

NOISE = (
    (rb"\b\d+(\.\d+)? ?(us|ms|msec|s|sec|seconds)\b", b"TIME"),
    (rb"(?i:\bpid) \d+|\[\d{2,}\]|(?<=process )\d+", b"PID"),
    (rb"(?<=port )\d+|(?<=127\.0\.0\.1:)\d+", b"PORT"),
    (rb"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)?", b"DATE"),
    (rb"(?<=/tmp/)(?!pp-)[\w.-]+", b"TEMPORARY"),
)
"""What two native runs say differently: durations, process ids, ports, points in time, names of temporary files."""

PRELUDE = """\
set -u
R={top}
W=$PWD
export LC_ALL=C.UTF-8 TMPDIR=$W/tmp; mkdir tmp
{script}
echo "status $?"
"""


def normal(text: bytes) -> bytes:
    """*text* without its noise."""
    for pattern, word in NOISE:
        text = re.sub(pattern, word, text)
    return text


class Scene(NamedTuple):
    """One script, and what its title says about it."""

    family: str
    name: str
    script: str
    fast: bool
    needs: tuple[str, ...]
    limit: float

    @property
    def path(self) -> str:
        """Its PATH."""
        more = rust.directory() if "rustc" in self.needs else ""
        return f"{PATH}:{more}" if more else PATH

    def missing(self) -> str:
        """Why it cannot be played here; empty if it can."""
        absent = [program for program in self.needs if not shutil.which(program, path=self.path)]
        return f"not installed: {', '.join(absent)}" if absent else ""


PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/usr/lib/postgresql/15/bin"


def scenes(family: str) -> list[Scene]:
    """The scenes of *family*, in the order of the file."""
    found = []
    for part in (SCENES / f"{family}.sh").read_text().split("\n#: ")[1:]:
        title, _, script = part.partition("\n")
        words = title.split()
        options = dict(word.split("=") for word in words if "=" in word)
        name = " ".join(word for word in words if "=" not in word and word != "fast")
        needs = tuple(options.get("needs", "bash").split(","))
        found.append(Scene(family, name, script.strip(), "fast" in words, needs, float(options.get("limit", 120))))
    return found


def families() -> list[str]:
    """All families that have scenes."""
    names = (path.name[: -len(".fill.sh")] for path in SCENES.glob("*.fill.sh"))
    return sorted(name for name in names if (SCENES / f"{name}.sh").exists())


@dataclass
class Stage:
    """Where the scenes of one family are played; made by :func:`stage`."""

    name: str
    home: Path
    oracle: Oracle
    parrot: Parrot

    def _scratch(self) -> Path:
        return places.fresh(self.home / "w")

    def _argv(self, scene: Scene) -> list[str | bytes]:
        return ["/bin/bash", "-c", PRELUDE.format(top=f"/cvmfs/{self.name}", script=scene.script)]

    def native(self, scene: Scene) -> Outcome:
        """The scene on the mounted tree."""
        scratch = self._scratch()
        env = environment(scratch, {"PARROT_ENABLED": "TRUE", "PATH": scene.path})
        return _normal(self.oracle.run(self._argv(scene), cwd=scratch, env=env, timeout=scene.limit))

    def under_parrot(self, scene: Scene, options: Sequence[str] = (), *, cold: bool = False) -> Outcome:
        """The scene under parrot_run, in a new directory of the same name; *cold*: with an empty cache."""
        if cold:
            places.remove(self.parrot.tempdir)
        self.parrot.log_file.unlink(missing_ok=True)
        scratch = self._scratch()
        env = environment(scratch, {"PATH": scene.path})
        return _normal(
            self.parrot.run(self._argv(scene), options=options, cwd=scratch, env=env, timeout=2 * scene.limit)
        )


def _normal(outcome: Outcome) -> Outcome:
    return outcome._replace(stdout=normal(outcome.stdout), stderr=normal(outcome.stderr))


def _fill(family: str, name: str, place: Path) -> None:
    place.mkdir()
    plain = places.fresh(place / "plain")
    home = places.fresh(place / "home")
    script = (SCENES / f"{family}.fill.sh").read_text()
    env = environment(home, {"R": f"/cvmfs/{name}", "CHECKOUT": str(places.CHECKOUT), "PATH": PATH})
    filled = subprocess.run(
        ["/bin/bash", "-eu", "-c", "umask 022\n" + script],
        cwd=plain, env=env, check=False, stdin=subprocess.DEVNULL, capture_output=True, **places.as_job(),
    )  # fmt: skip
    if filled.returncode:
        raise RuntimeError(f"{family}.fill.sh: status {filled.returncode}\n{filled.stderr.decode()[-4000:]}")
    publish(plain, place / "web", open_keys(place / "keys", name))


@contextmanager
def stage(family: str) -> Iterator[Stage]:
    """The stage of *family*; its tree is made once per run of the tests.  Raises OracleUnavailable."""
    name = f"{family}.parrot.test"
    place = places.once(f"stage-{family}", lambda at: _fill(family, name, at))
    home = places.fresh(places.base() / "work" / f"{family}-{os.getpid()}")
    key = place / "keys" / f"{name}.pub"
    with sites.made_site(place / "web", {name: key}) as site:
        oracle = Oracle(place / "plain", name, {})
        try:
            yield Stage(name, home, oracle, Parrot(home, [site.entry(name)]))
        finally:
            oracle.close()
            places.remove(home)
