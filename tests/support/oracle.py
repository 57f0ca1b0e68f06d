"""The native twin: runs commands where the tree is really mounted, read-only, at ``/cvmfs/NAME``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import places
from tests.support.outcome import Outcome

KEEPER = Path(__file__).with_name("oracle_keeper.py")


class OracleUnavailable(Exception):
    """This host lets us make no mount namespace; the text says why."""


class Oracle:
    """A mounted read-only /cvmfs in a process of its own.  Raises OracleUnavailable where that can't be had.

    Commands run as *uid*, by default the job's.
    """

    def __init__(self, source: Path, name: str, modes: Mapping[str, int], uid: int | None = None) -> None:
        uid = places.job_uid() if uid is None else uid
        self._root = places.base() / f"oracle-{os.getpid()}-{name}-{uid}"
        self._root.mkdir()
        self._keeper = subprocess.Popen(
            [
                *[sys.executable, "-I", str(KEEPER), str(uid)],
                *[str(source), name, str(self._root), json.dumps(modes)],
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        answer = self._read()
        if "error" in answer:
            self.close()
            raise OracleUnavailable(answer["error"])

    def run(
        self,
        argv: Sequence[str | bytes],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: Path | None = None,
        timeout: float = 60,
        binds: Sequence[tuple[Path, Path]] = (),
    ) -> Outcome:
        """Run *argv* there as the job's user, from the directory *cwd*; *binds* are (source, target) of bind mounts."""
        out, err = cwd.with_name(f"{cwd.name}.out"), cwd.with_name(f"{cwd.name}.err")
        request = {
            "argv": [os.fsdecode(word) for word in argv],
            "cwd": str(cwd),
            "env": dict(env),
            "stdin": str(stdin or "/dev/null"),
            "stdout": str(out),
            "stderr": str(err),
            "timeout": timeout,
            "binds": [[str(source), str(target)] for source, target in binds],
        }
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(json.dumps(request) + "\n")
        self._keeper.stdin.flush()
        status = self._read()["status"]
        return Outcome(status, out.read_bytes(), err.read_bytes(), b"")

    def close(self) -> None:
        """End the process; its mounts vanish with it."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.wait(60)
        self._keeper.stdout.close()
        self._root.rmdir()

    def _read(self) -> dict[str, Any]:
        assert self._keeper.stdout is not None
        line = self._keeper.stdout.readline()
        if not line:
            raise RuntimeError("the process that holds the mounted tree died; its message is on stderr")
        answer: dict[str, Any] = json.loads(line)
        return answer
