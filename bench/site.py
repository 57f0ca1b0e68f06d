"""The ground a run stands on: compiled programs, a tree, the same tree published as a repository."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

FQRN = "bench.parrot.local"
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MIB = 1 << 20


class Trouble(Exception):
    """A measurement cannot be made; the text says why, in one line."""


def checked(command: list[str], timeout: float = 600) -> str:
    """Run *command* to its end and return its output; Trouble with the last line of its complaints if it fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Trouble(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise Trouble(f"{Path(command[0]).name}: status {done.returncode}: {last}")
    return done.stdout


class Site:
    """Everything below one working directory.

    ``plain`` is the tree as ordinary files; ``virtual`` is where parrot_py shows it.  The tree is shaped like a piece
    of a software area: 40 directories of 50 small files, one small file with a link for the single calls, one big file.
    """

    def __init__(self, work: Path, big_mib: int) -> None:
        self.work = work
        self.plain = work / "plain"
        self.virtual = Path("/cvmfs") / FQRN
        self.big_mib = big_mib
        self.repository = ""
        """The value of ``-r``; empty until :meth:`publish` succeeded."""

    def build(self) -> None:
        """Compile the programs and make the plain tree."""
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or "cc"
        for source in sorted(HERE.glob("*.c")):
            out = str(self.work / source.stem)
            checked([compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O2", f"-I{HERE}", str(source), "-o", out])
        for directory in range(40):
            place = self.plain / "tree" / f"package-{directory:02}"
            place.mkdir(parents=True)
            for number in range(50):
                (place / f"module_{number:02}.py").write_text(f"# {directory} {number}\n" * (number + 1))
        (self.plain / "small").write_text("a small file\n" * 20)
        (self.plain / "small.link").symlink_to("small")
        self._big()

    def _big(self) -> None:
        # Pseudo-random, so that no compression and no hole in the file makes one side's work smaller.
        source = random.Random(7)
        blocks = [source.randbytes(MIB) for _ in range(16)]
        with open(self.plain / "big", "wb") as file:
            for number in range(self.big_mib):
                file.write(number.to_bytes(8, "little") + blocks[number % len(blocks)][8:])

    def publish(self) -> None:
        """Make the repository of the plain tree with our own publisher; a file:// URL serves it."""
        web, keys = self.work / "web", self.work / "keys"
        publisher = str(ROOT / "bin" / "parrot_publish")
        where = ["--source", str(self.plain), "--output", str(web), "--keys", str(keys)]
        checked([publisher, "--name", FQRN, *where, "--compression", "none"])
        self.repository = f"{FQRN}:pubkey={keys}/{FQRN}.pub,url=file://{web}/{FQRN}"

    def program(self, name: str) -> str:
        """Path of a compiled program of this folder."""
        return str(self.work / name)
