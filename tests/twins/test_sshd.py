"""OpenSSH under parrot_run, started by an unprivileged user: what a client sees is what it sees natively.

Only the server runs under parrot_run; the clients are outside, as with condor_ssh_to_job.
"""

from __future__ import annotations

import subprocess

import pytest

from tests.support import places, sshd, tree
from tests.support.outcome import Outcome, difference
from tests.support.parrot import environment
from tests.twins.conftest import Twins

R = tree.TOP
COMPAT = pytest.mark.compat
"""One test of a kind is in the everyday suite."""


@pytest.fixture(autouse=True)
def _installed() -> None:
    sshd.needs_sshd()


def check(twins: Twins, scenario: str, *, listens: bool = True, sftp: str = "", more: str = "") -> str:
    """Run *scenario* against both servers; what the clients said, which must be the same."""
    whole = f"{sshd.LISTEN}{scenario}{sshd.END}" if listens else scenario
    options = {"more": more, **({"sftp": sftp} if sftp else {})}
    native = twins.native(["/bin/bash", "-c", f"R={R}\n{sshd.script(whole, **options)}"], 120)
    assert native.status == 0, native
    scratch = places.fresh(twins.home / "w")
    under = sshd.script(whole, under=twins.parrot.command([]), **options)
    done = subprocess.run(
        ["/bin/bash", "-c", f"R={R}\n{under}"],
        env=environment(scratch),
        cwd=scratch,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
        **places.as_job(),
    )
    log = scratch / "sshd.log"
    parrot = Outcome(done.returncode, done.stdout, done.stderr, log.read_bytes() if log.exists() else b"")
    told = difference(native, parrot)
    assert not told, told
    assert b"defect" not in twins.parrot.log(), twins.parrot.log()
    return native.text()


def test_commands(twins: Twins) -> None:
    said = check(
        twins,
        r"""
remote 127.0.0.1 "id -u; cd $R/dir && pwd && ls && cat file; echo to stderr >&2; exit 3"; echo "status $?"
echo typed | remote 127.0.0.1 "cat $R/hello.txt -"; echo "status $?"
remote 127.0.0.1 "cat $R/big.bin" | md5sum
remote 127.0.0.1 "$R/bin/report-own-loader 7 a b" | grep -v environment; echo "status ${PIPESTATUS[0]}"
remote 127.0.0.1 'kill -9 $$'; echo "status $?"
remote 127.0.0.1 'echo $0; echo "$SHELL"; cd; pwd; echo $- | tr -d B; tty; echo ${SSH_TTY-none}'
TOLD=something remote 127.0.0.1 'echo "$TOLD"; echo ${SSH_CONNECTION%% *}'
remote 127.0.0.1 "ls $R/nothing; cat $R/unreadable; echo x >$R/new"; echo "status $?"
remote 127.0.0.1 bash -l <<END
cd $R/dir; pwd; ls; exit 6
END
echo "status $?"
head -c 3000000 /dev/zero | remote 127.0.0.1 "cmp - $R/zeros.bin"; echo "status $?"
""",
    )
    assert f"{R}/dir\n" in said
    assert "status 3" in said


def test_terminals(twins: Twins) -> None:
    said = check(
        twins,
        r"""
shown() { tr -d '\r' | sed 's,/dev/pts/[0-9]*,/dev/pts/N,'; }
remote -tt 127.0.0.1 "tty; stty size; cd $R/dir && pwd && ls -C; exit 4" </dev/null | shown
echo "status ${PIPESTATUS[0]}"
TERM=xterm-256color remote -tt 127.0.0.1 'echo $TERM; tput cols; stty -a | grep -o "speed.*baud"; echo $SSH_TTY' | shown
remote -tt 127.0.0.1 'ls -l $(tty) | cut -c1-10,12-12; test -t 0 && test -t 1 && test -t 2 && echo all' | shown
remote -tt 127.0.0.1 'sleep 100 & kill %1; wait; echo "$?"; trap "echo hup >told; exit" HUP; kill -HUP $$' | shown
cat told
remote -tt 127.0.0.1 'ps -o stat= -p $$ | cut -c1-2; set -m; (sleep 0.1; echo in the background) & fg' | shown
""",
    )
    assert f"{R}/dir\n" in said


SFTP = r"""
mkdir local && echo mine >local/mine && cd local
(cd .. && files 127.0.0.1) <<END; echo "status $?"
cd $R
pwd
ls
ls -1 dir
lls
get hello.txt local/
get -p dir/one local/one
get -r dir local/tree
cd dir
pwd
get file local/again
cd /
get $R/big.bin local/
ls -l $R/hard
ls -l $R/hello.txt
END
cd ..
ls -R local; cat local/hello.txt local/one local/tree/sub/leaf local/again
cmp local/big.bin <(remote 127.0.0.1 cat $R/big.bin)
stat -c %Y local/one
for command in "put local/mine $R/mine" "mkdir $R/new" "rm $R/hello.txt" "rename $R/hello.txt $R/x" "get $R/nothing" \
    "chmod 600 $R/hello.txt" "ln -s a $R/x" "rmdir $R/emptydir"; do
    echo "$command" | files 127.0.0.1; echo "status $?"
done 2>&1
files 127.0.0.1 <<END; echo "status $?"
mkdir remote
put -r local/tree remote/tree
put local/mine remote/mine
rename remote/mine remote/yours
chmod 600 remote/yours
symlink yours remote/link
ls -1 remote
rm remote/link
END
cat remote/yours; ls remote remote/tree
"""


@pytest.mark.parametrize("server", ["/usr/lib/openssh/sftp-server", pytest.param("internal-sftp", marks=COMPAT)])
def test_sftp(twins: Twins, server: str) -> None:
    said = check(twins, SFTP, sftp=server)
    assert "hello, world" in said


@pytest.mark.parametrize("way", ["-s", pytest.param("-O", marks=COMPAT)])
def test_scp(twins: Twins, way: str) -> None:
    said = check(
        twins,
        rf"""
echo mine >mine
copy {way} 127.0.0.1:$R/hello.txt here; echo "status $?"; cat here
copy {way} -p 127.0.0.1:$R/dir/one 127.0.0.1:$R/dir/two .; echo "status $?"; stat -c '%n %Y %a' one two
copy {way} -r 127.0.0.1:$R/dir all; echo "status $?"; ls -R all
copy {way} 127.0.0.1:$R/big.bin .; echo "status $?"; md5sum big.bin
copy {way} mine 127.0.0.1:$R/mine; echo "status $?"
copy {way} 127.0.0.1:$R/nothing .; echo "status $?"
mkdir remote; copy {way} mine big.bin 127.0.0.1:remote/; echo "status $?"; ls remote; cmp big.bin remote/big.bin
copy {way} -3 127.0.0.1:$R/hello.txt 127.0.0.1:remote/; echo "status $?"; cat remote/hello.txt
""",
    )
    assert "hello, world\n" in said


def test_started_by_the_client_as_by_inetd(twins: Twins) -> None:
    """``sshd -i`` at the other end of a ProxyCommand: condor_ssh_to_job."""
    said = check(
        twins,
        r"""
proxy="ProxyCommand=$(printf '%q ' "${server[@]}") -i 2>>sshd.log"
remote -o "$proxy" job "cd $R/dir && pwd && cat file; exit 3"; echo "status $?"
remote -o "$proxy" -tt job "tty >/dev/null && cd $R/dir && pwd; exit 4" </dev/null | tr -d '\r'
echo "status ${PIPESTATUS[0]}"
copy -o "$proxy" job:$R/hello.txt here; echo "status $?"; cat here
copy -O -o "$proxy" here job:there; echo "status $?"; cat there
remote -o "$proxy" job "cat $R/big.bin" | md5sum
head -c 1000000 /dev/zero | remote -o "$proxy" job "wc -c"
remote -o "$proxy" job 'kill -TERM $PPID; sleep 5' 2>/dev/null; echo "status $?"
""",
        listens=False,
    )
    assert f"{R}/dir\nthis is file\nstatus 3\n{R}/dir\nstatus 4\n" in said


@COMPAT
def test_forced_commands(twins: Twins) -> None:
    said = check(
        twins,
        r"""
remote 127.0.0.1 what I want; echo "status $?"
remote -tt 127.0.0.1 </dev/null | tr -d '\r'; echo "status ${PIPESTATUS[0]}"
echo pwd | files 127.0.0.1; echo "status $?"
""",
        more=f"ForceCommand cd {R}/dir && pwd && echo \"$SSH_ORIGINAL_COMMAND\" && exit 7",
    )
    assert f"{R}/dir\nwhat I want\nstatus 7" in said


@COMPAT
def test_several_sessions(twins: Twins) -> None:
    """At once, over connections of their own and over one that they share."""
    said = check(
        twins,
        r"""
for n in 1 2 3 4 5 6; do remote 127.0.0.1 "cd $R/many && cat f000$n && cat * | md5sum" >said$n & pids[n]=$!; done
for n in 1 2 3 4 5 6; do wait ${pids[n]}; echo "status $?"; done; cat said?
remote -M -S $PWD/control -f -N 127.0.0.1
for n in 1 2 3 4; do remote -S $PWD/control 127.0.0.1 "cat $R/dir/one; exit $n" >more$n & more[n]=$!; done
for n in 1 2 3 4; do wait ${more[n]}; echo "status $?"; done; cat more?
remote -S $PWD/control -O exit 127.0.0.1 2>/dev/null; echo "status $?"
remote -o RekeyLimit=500K 127.0.0.1 "cat $R/big.bin" | md5sum
""",
    )
    assert said.count("status 0") >= 7


@COMPAT
def test_forwarding(twins: Twins) -> None:
    """Ports both ways, local sockets, an agent."""
    said = check(
        twins,
        r"""
reply() { python3 -I -c 'import socket, sys
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True)
c, _ = s.accept(); c.sendall(b"answer to " + c.recv(100)); c.close()' >$1 & }
ask() { exec 4<>/dev/tcp/127.0.0.1/$1; echo question >&4; cat <&4; exec 4>&-; }
settled() { for try in {1..100}; do [ -s $1 ] && break; sleep 0.05; done; cat $1; }
reply one; there=$(settled one); here=$((PORT + 1)) back=$((PORT + 2))
remote -f -L $here:127.0.0.1:$there -o ExitOnForwardFailure=yes 127.0.0.1 "sleep 2; cat $R/dir/one" >first
ask $here
reply two; there=$(settled two)
remote -R $back:127.0.0.1:$there -o ExitOnForwardFailure=yes 127.0.0.1 \
    "exec 4<>/dev/tcp/127.0.0.1/$back; echo question >&4; cat <&4; cat $R/dir/two"
remote -f -L $PWD/sock:127.0.0.1:$PORT 127.0.0.1 "sleep 2"
for try in {1..100}; do [ -S sock ] && break; sleep 0.05; done
head -c 8 < <(python3 -I -c 'import socket; s = socket.socket(1); s.connect("sock"); print(s.recv(8).decode())'); echo
eval "$(ssh-agent -s)" >/dev/null; ssh-add -q key
remote -A 127.0.0.1 'ssh-add -l | cut -d" " -f1,4; test -S "$SSH_AUTH_SOCK" && echo a socket'
remote -a 127.0.0.1 'echo "${SSH_AUTH_SOCK-none}"; echo "${DISPLAY-no display}"'
ssh-agent -k >/dev/null
settled first
""",
    )
    assert said.count("answer to question") == 2


@COMPAT
@pytest.mark.parametrize("option", ["--delete", "--checksum"])
def test_rsync_over_ssh(twins: Twins, option: str) -> None:
    if subprocess.run(["sh", "-c", "command -v rsync"], capture_output=True, check=False).returncode:
        pytest.skip("rsync is not installed")
    said = check(
        twins,
        rf"""
rsync -a {option} -e "$(printf '%q ' ssh "${{options[@]}}" -p $PORT)" 127.0.0.1:$R/dir/ mine; echo "status $?"
find mine -printf '%p %s %T@\n' | sort
rsync -a {option} -e "$(printf '%q ' ssh "${{options[@]}}" -p $PORT)" mine/ 127.0.0.1:yours; echo "status $?"
diff -r mine yours && echo the same
""",
    )
    assert "the same" in said
