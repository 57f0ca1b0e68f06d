"""Hosts with a peculiarity: a shell sets it up around a command, as the job's user."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache

from tests.support import places, tree
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment

R = tree.TOP
JOB = f"""\
cd {R}/dir && pwd && cat file && ls && cat {R}/hello.txt
{R}/bin/report-own-loader 7 one | grep -E '^(argv|AT_EXECFN|comm|/proc/self/exe)'
{R}/script.sh >/dev/null && echo a script
readlink {R}/links/to-file; stat -c '%F %s' {R}/hello.txt
exit 5
"""
"""Enters, reads, lists and starts: a program with a loader and a library of ours, too."""

SAID = f"""\
{R}/dir
this is file
file
one
sub
two
hello, world
argv[0]: {R}/bin/report-own-loader
argv[1]: 7
argv[2]: one
AT_EXECFN: {R}/bin/report-own-loader
comm: report-own-load
/proc/self/exe: {R}/bin/report-own-loader
a script
"""

STATUS = 5

PRIVATE = "unshare --user --map-current-user --keep-caps --mount {more}--"
"""A mount namespace of one's own without being root in it; *more* are further namespaces."""

PLAIN_AGAIN = "setpriv --ambient-caps=-all --inh-caps=-all --"
"""Gives up what PRIVATE gave."""


@lru_cache(maxsize=1)
def no_namespaces() -> str:
    """Why the job's user can have no user namespace here; empty when that works."""
    if not shutil.which("unshare") or not shutil.which("setpriv"):
        return "unshare and setpriv are not installed"
    command = ["sh", "-c", f"exec {PRIVATE.format(more='')} sh -c 'mount -t tmpfs none /mnt'"]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **places.as_job())
    return done.stderr.strip() if done.returncode else ""


def mounted(commands: str, more: str = "") -> str:
    """A set-up that mounts something in a namespace of its own and then runs the rest without privileges."""
    return f"exec {PRIVATE.format(more=more)} sh -c '{commands} && exec {PLAIN_AGAIN} \"$@\"' host \"$@\""


def wrapped(setup: str, command: Sequence[str | bytes]) -> list[str | bytes]:
    """*command* on the host that the shell script *setup* makes; it may end in an ``exec`` of its own with "$@"."""
    return ["/bin/bash", "-c", f'{setup}\nexec "$@"', "host", *command]


def command_under(
    run: Parrot, command: Sequence[str | bytes], setup: str, env: Mapping[str, str] | None = None, timeout: float = 120
) -> Outcome:
    """Run *command* on the host *setup*."""
    done = subprocess.run(
        wrapped(setup, command),
        env=dict(env) if env is not None else environment(run.home),
        cwd=run.home,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        check=False,
        **places.as_job(),
    )
    return Outcome(done.returncode, done.stdout, done.stderr, run.log())


def parrot_under(
    run: Parrot, setup: str, argv: Sequence[str] = ("bash", "-c", JOB), options: Sequence[str] = ()
) -> Outcome:
    """Run *argv* under parrot_run on the host *setup*."""
    return command_under(run, run.command(argv, options), setup)


def assert_works(told: Outcome) -> None:
    """The job above ran as anywhere else, and nothing was said on stderr."""
    assert told.status == STATUS, told
    assert told.stderr == b"", told
    assert told.text().startswith(SAID), told
    assert told.text().endswith("regular file 13\n"), told


def assert_refused(told: Outcome, *words: str, status: int = 125) -> None:
    """Nothing was started, and one line says why."""
    assert told.status == status, told
    assert told.stdout == b"", told
    assert told.stderr.count(b"\n") == 1, told
    assert told.stderr.startswith(b"parrot_run: "), told
    for word in words:
        assert word in told.stderr.decode(), told


def doctor(run: Parrot, setup: str = ":", *options: str) -> Outcome:
    """``parrot_run --doctor`` on the host *setup*."""
    return command_under(run, [*places.launcher(), "-t", str(run.tempdir), "--doctor", *options], setup)


def findings(told: Outcome) -> dict[str, str]:
    """Name → sign of every line of the report."""
    lines = [line for line in told.stdout.decode().splitlines() if line[:2] in ("ok", "--", "!!", "XX")]
    return {line[4:26].strip(): line[:2] for line in lines}
