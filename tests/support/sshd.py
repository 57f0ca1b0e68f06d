"""A real OpenSSH server of an unprivileged user, natively or under parrot_run, as HTCondor starts one."""

from __future__ import annotations

import pwd
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import places
from tests.support.ports import free_port
from tests.support.programs import compile_c

SERVER = "/usr/sbin/sshd"
PROGRAMS = ("ssh", "ssh-keygen", "scp", "sftp")

PROLOGUE = """\
set -u
ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f key && cp key.pub authorized
cat >config <<END
HostKey $PWD/host
AuthorizedKeysFile $PWD/authorized
ListenAddress 127.0.0.1
PidFile none
UsePAM no
StrictModes yes
AcceptEnv TOLD
PrintMotd no
PrintLastLog no
X11Forwarding no
Subsystem sftp $SFTP
$MORE
END
options=(-F none -i key -o User=$ACCOUNT -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
         -o LogLevel=ERROR -o SendEnv=TOLD)
server=($UNDER env LD_PRELOAD=$LIBRARY ACCOUNT_SHELL=/bin/bash ACCOUNT_HOME=$PWD /usr/sbin/sshd -f $PWD/config -e)
remote() { ssh "${options[@]}" -p $PORT "$@"; }
copy() { scp "${options[@]}" -q -P $PORT "$@"; }
files() { sftp "${options[@]}" -q -P $PORT -b - "$@"; }
"""
"""Keys, configuration and shell functions; runs in an empty directory, which becomes the account's home."""

LISTEN = """\
"${server[@]}" -D -p $PORT 2>sshd.log & listener=$!
for try in {1..200}; do (exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null && break; sleep 0.05; done
"""

END = """
kill $listener; wait $listener; echo "the server ended with $?"
"""


def needs_sshd() -> None:
    """Skip the test, with the reason, where there is no OpenSSH."""
    missing = [name for name in PROGRAMS if not shutil.which(name)] + [SERVER] * (not Path(SERVER).exists())
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    try:
        account()
    except KeyError:
        pytest.skip(f"uid {places.job_uid()} has no entry in /etc/passwd, and sshd lets nobody else in")


def account() -> str:
    """The name of the job's user."""
    return pwd.getpwuid(places.job_uid()).pw_name


def library() -> Path:
    """The preloaded object, compiled."""
    source = Path(__file__).with_name("sshd_accounts.c")
    return places.once("sshd_accounts.so", lambda output: compile_c(source, output, "-shared", "-fPIC", "-ldl"))


def script(
    scenario: str, *, under: Sequence[str | bytes] = (), sftp: str = "/usr/lib/openssh/sftp-server", more: str = ""
) -> str:
    """A bash script that makes everything, starts the server (*under* a command) and does *scenario*."""
    settings = {"ACCOUNT": account(), "LIBRARY": library(), "PORT": free_port(), "SFTP": sftp, "MORE": more}
    lines = [f"{name}={shlex.quote(str(value))}" for name, value in settings.items()]
    words = shlex.join([word if isinstance(word, str) else word.decode() for word in under])
    return "\n".join([*lines, PROLOGUE.replace("$UNDER", words), scenario])
