"""Running ``parrot_run`` from this checkout as an unprivileged user."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import places
from tests.support.outcome import Outcome

GRACE = 60
"""Seconds that the processes of a finished or killed run have to vanish."""


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of every job: small, so that nothing of the developer's shell decides a test."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **(more or {}),
    }


def repository(name: str, url: str, key: Path, **options: str) -> str:
    """One entry of ``-r``."""
    more = "".join(f",{option}={value}" for option, value in options.items())
    return f"{name}:url={url},pubkey={key},proxies=DIRECT{more}"


class Parrot:
    """Starts ``parrot_run`` with a private tempdir; *home* is a directory for everything one test leaves behind."""

    def __init__(self, home: Path, repositories: Iterable[str] = (), options: Sequence[str] = ()) -> None:
        self.home = home
        self.tempdir = home / "parrot"
        self.log_file = home / "parrot.log"
        self.repositories = " ".join(repositories)
        self.options = list(options)

    @property
    def cache(self) -> Path:
        """Where the cached objects are."""
        return self.tempdir / "cvmfs"

    def command(self, argv: Sequence[str | bytes], options: Sequence[str] = ()) -> list[str | bytes]:
        """The whole command line that runs *argv*."""
        listed = ["-r", self.repositories] if self.repositories else []
        settings = ["-t", str(self.tempdir), "-o", str(self.log_file), *listed, *self.options, *options]
        return [*places.launcher(), *settings, "--", *argv]

    def start(
        self,
        argv: Sequence[str | bytes],
        *,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        root: bool = False,
        **popen: Any,
    ) -> subprocess.Popen[bytes]:
        """Start it; pipes, groups and terminals are those of *popen*.  *root*: as the caller, not as the job's user."""
        popen.setdefault("stdin", subprocess.DEVNULL)
        user = {} if root else places.as_job()
        return subprocess.Popen(
            self.command(argv, options), env=dict(env or environment(self.home)), cwd=cwd or self.home, **user, **popen
        )

    @contextmanager
    def running(self, argv: Sequence[str | bytes], **how: Any) -> Iterator[subprocess.Popen[bytes]]:
        """``start`` for a ``with`` statement; whatever happens inside, the run is over afterwards."""
        with self.start(argv, **how) as process:
            try:
                yield process
            finally:
                # The kernel ends the job with its tracer.
                process.kill()

    def run(
        self,
        argv: Sequence[str | bytes],
        *,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: bytes | Path | None = None,
        timeout: float = 120,
        root: bool = False,
    ) -> Outcome:
        """Run *argv* to its end, or for *timeout* seconds."""
        source = stdin.open("rb") if isinstance(stdin, Path) else subprocess.PIPE if stdin else subprocess.DEVNULL
        with self.start(
            argv, options=options, env=env, cwd=cwd, root=root, stdin=source,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        ) as process:  # fmt: skip
            if isinstance(stdin, Path):
                source.close()  # type: ignore[union-attr]
            try:
                out, err = process.communicate(stdin if isinstance(stdin, bytes) else None, timeout)
                status: int | None = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate(timeout=GRACE)
                status = None
        return Outcome(status, out, err, self.log())

    def log(self) -> bytes:
        """What is in the log so far."""
        return self.log_file.read_bytes() if self.log_file.exists() else b""

    def stats(self) -> dict[str, int]:
        """The counters of the last run with ``--stats``, from the log."""
        counters = {}
        for line in self.log().decode("utf-8", "replace").splitlines():
            _, mark, rest = line.partition("stats: ")
            name, _, value = rest.partition(" ")
            if mark and value.strip().isdigit():
                counters[name] = int(value)
        return counters
