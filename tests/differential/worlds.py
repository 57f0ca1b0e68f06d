"""The two worlds: one where the trees are mounted, one where parrot_run shows them."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from tests.differential import trees
from tests.support import places
from tests.support.parrot import environment, repository
from tests.support.programs import FLAGS

SOURCES = Path(__file__).with_name("program")
PATIENCE = 300
OPTIONS = ["--cvmfs-option", "CVMFS_MAGIC_XATTRS_VISIBILITY=never"]
"""The attributes that the client makes up are on no other file system."""


class Unavailable(Exception):
    """This host lets us make no mount namespace; the text says why."""


class Mode(NamedTuple):
    """How a batch is run: in how many threads at once, with an empty cache or not, with seccomp filters or not."""

    threads: int = 1
    cold: bool = False
    seccomp: bool = True

    def __str__(self) -> str:
        parts = [f"threads={self.threads}", *(["cold"] if self.cold else []), *([] if self.seccomp else ["no-seccomp"])]
        return ",".join(parts)

    @classmethod
    def parse(cls, text: str) -> Mode:
        """The inverse of ``str``."""
        words = text.split(",")
        return cls(int(words[0].partition("=")[2]), "cold" in words, "no-seccomp" not in words)


def interpreter() -> Path:
    """The compiled program, made once for a run."""

    def build(output: Path) -> None:
        sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
        subprocess.run(["gcc", *FLAGS, "-static", "-o", str(output), *sources], check=True)
        output.chmod(0o755)

    return places.once("differ-interpreter", build)


class Jail:
    """One side: a process with its own file system that runs commands (jail.py)."""

    def __init__(self, home: Path, writable: Path, outside: Path, sources: Mapping[str, str], uid: int) -> None:
        self.root = home
        home.mkdir()
        asked = {
            "root": str(home), "writable": str(writable), "outside": str(outside), "trees": dict(sources), "uid": uid,
        }  # fmt: skip
        script = Path(__file__).with_name("jail.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", str(script), json.dumps(asked)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        answer = self._read()
        if "error" in answer:
            self.close()
            raise Unavailable(answer["error"])

    def run(self, argv: list[str], before: list[str], cwd: Path) -> int | None:
        """Run a command there, after *before*; its status.  What it says goes to ``report`` in *cwd*."""
        report = str(cwd / "report")
        assert self._process.stdin is not None
        request = {
            "argv": argv, "before": before, "cwd": str(cwd), "env": environment(cwd),
            "stdin": "/dev/null", "stdout": report, "stderr": report, "timeout": PATIENCE,
        }  # fmt: skip
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        status: int | None = self._read()["status"]
        return status

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a jail died; its message is on stderr")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it; its mounts vanish with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
        self.root.rmdir()


class Said(NamedTuple):
    """What one side said: lines by sequence, and its trouble (status, messages, log) if there was any."""

    lines: dict[str, list[str]]
    trouble: str


class Worlds:
    """Both sides, for jobs of one user; *name* keeps several of them apart."""

    def __init__(self, name: str, uid: int) -> None:
        self.place = places.fresh(places.base() / "work" / f"differ-{name}")
        self.uid = uid
        built = trees.trees()
        sources = {name: str(built / name) for name in (trees.NAME, trees.OTHER)}
        jails = places.base() / f"jails-{name}-{os.getpid()}"
        jails.mkdir()
        self._own(self.place)
        self._fresh(self.place / "parrot")
        self.program = interpreter()
        self._server = _serve(built / "web")
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._entries = " ".join(repository(n, f"{url}/{n}", built / "keys" / f"{n}.pub") for n in sources)
        self._native = Jail(jails / "native", self.place, built / "outside", sources, uid)
        self._traced = Jail(jails / "traced", self.place, built / "outside", {}, uid)
        self._jails = jails
        self._launcher = places.launcher()

    def _own(self, path: Path) -> None:
        if places.is_root():
            os.chown(path, self.uid, self.uid)

    def _fresh(self, path: Path) -> Path:
        places.remove(path)
        path.mkdir()
        self._own(path)
        return path

    def native(self, batch: str, mode: Mode) -> Said:
        """Run *batch* where the trees are mounted."""
        return self._run(self._native, [], batch, mode)

    def traced(self, batch: str, mode: Mode) -> Said:
        """Run *batch* under parrot_run."""
        tempdir = self.place / "parrot"
        if mode.cold:
            self._fresh(tempdir)
        log = self.place / "log"
        log.unlink(missing_ok=True)
        options = [
            "-t",
            str(tempdir),
            "-o",
            str(log),
            "-r",
            self._entries,
            *OPTIONS,
            *([] if mode.seccomp else ["--no-seccomp"]),
        ]
        said = self._run(self._traced, [*self._launcher, *options, "--"], batch, mode)
        written = log.read_text("utf-8", "replace") if log.exists() else ""
        bad = [line for line in written.splitlines() if "error" in line or "Traceback" in line or "defect" in line]
        return said._replace(trouble=said.trouble + "".join(f"{line}\n" for line in bad and written.splitlines()[-60:]))

    def _run(self, jail: Jail, prefix: list[str], batch: str, mode: Mode) -> Said:
        source, out, report = self.place / "batch", self.place / "out", self.place / "report"
        source.write_text(batch)
        out.unlink(missing_ok=True)
        report.unlink(missing_ok=True)  # root's calls may have changed it
        command = [str(self.program), str(source), str(out), trees.SCRATCH]
        status = jail.run([*prefix, *command, str(mode.threads)], [*command, "0"], self.place)
        trouble = "" if status == 0 else f"status {status}\n{report.read_text('utf-8', 'replace')[-2000:]}\n"
        return Said(split(out.read_text() if out.exists() else ""), trouble)

    def close(self) -> None:
        """End both sides."""
        self._native.close()
        self._traced.close()
        self._jails.rmdir()
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self.place, ignore_errors=True)


def split(text: str) -> dict[str, list[str]]:
    """The lines of each sequence."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("seq "):
            lines = found.setdefault(line[4:], [])
        else:
            lines.append(line)
    return found


def _serve(web: Path) -> ThreadingHTTPServer:
    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(web)))
    Thread(target=server.serve_forever, daemon=True).start()
    return server
