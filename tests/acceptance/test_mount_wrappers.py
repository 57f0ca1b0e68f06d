"""Mounts as the wrappers of pilots and packages ask for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support import places, tree
from tests.support.parrot import Parrot, environment
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]


def test_the_glidein_wrapper(home: Path, parrot: MakeParrot) -> None:
    """-M /tmp=<scratch>/tmp, with the ancestors of the scratch directory kept; the environment was wiped."""
    top = places.fresh(home / "tmp")
    scratch = top / "glide_x" / "execute" / "dir_1"
    subprocess.run(["mkdir", "-p", str(scratch / "tmp")], check=True, **places.as_job())
    places.give(top).joinpath("others").write_text("not for the job")
    mounts = ["-M", f"{top}={scratch}/tmp", "-M", f"{top}/glide_x={top}/glide_x"]
    job = scratch / "job.sh"
    job.write_text(
        f"set -e\ncd {top}; pwd -P; ls; f=$(mktemp -p {top}); echo data >$f; cat $f; rm $f\n"
        f"cd {scratch}; pwd -P; ls; echo out >result; mv result {top}/moved; ls {top}; cat tmp/moved; cd tmp; pwd -P\n"
        f"ls {top}/glide_x/execute; python3 -c 'import tempfile; print(tempfile.gettempdir())'\n"
    )
    env = {"PATH": "/usr/bin:/bin", "TMPDIR": str(top)}
    got = parrot().run(["/bin/sh", str(job)], options=mounts, cwd=scratch, env=env)
    lines = [f"{top}", "data", f"{scratch}", "job.sh", "tmp", "moved", "out", f"{top}", "dir_1", f"{top}"]
    assert got.expect().stdout.decode().splitlines() == lines
    assert (scratch / "tmp" / "moved").read_text() == "out\n"
    assert sorted(os.listdir(top)) == ["glide_x", "others"]


def test_lobster(twin: Site, parrot: MakeParrot, home: Path) -> None:
    """-M /cvmfs/…/SITECONF/local=$PWD/siteconf over a link of the repository, and a program for another."""
    site = places.fresh(home / "siteconf")
    (site / "storage.xml").write_text("mine\n")
    options = ["-M", f"{tree.TOP}/links/dir={site}", "-M", "/sbin/ifconfig=/bin/echo", "-M", "/bin/false=/bin/true"]
    script = (
        f"cat {tree.TOP}/links/dir/storage.xml; cd {tree.TOP}/links/dir; pwd; ls; /sbin/ifconfig eth0; "
        f"/bin/false && echo yes"
    )
    got = parrot([twin.entry(tree.NAME)], options).run(["/bin/bash", "-c", script])
    assert got.expect().stdout.decode() == f"mine\n{tree.TOP}/links/dir\nstorage.xml\neth0\nyes\n"


def test_the_whole_root_from_elsewhere(home: Path, parrot: MakeParrot) -> None:
    """parrot_package_run: a mountlist with ``/ → package``, /proc and /dev."""
    package = places.fresh(home / "package")
    for name in ("usr", "etc"):
        os.symlink(f"/{name}", package / name)  # leads to itself in there
    for name in ("work", "data"):
        places.fresh(package / name)
    (home / "list").write_text(f"/ {package}\n/proc /proc\n/dev /dev\n/usr /usr\n/bin /bin\n/lib /lib\n/lib64 /lib64\n")
    script = (
        "cd /work; pwd -P; echo x >new; ls / /work; cat /etc/passwd; cd ..; pwd -P; cd ../..; pwd; "
        "ls -d /cvmfs; cat /proc/self/comm"
    )
    env = {**environment(home), "LC_ALL": "C"}
    got = parrot().run(["/bin/bash", "-c", script], options=["-m", str(home / "list")], env=env)
    assert got.stdout == b"/work\n/:\ndata\netc\nusr\nwork\n\n/work:\nnew\n/\n/\n/cvmfs\ncat\n"
    assert got.stderr == b"cat: /etc/passwd: Too many levels of symbolic links\n"
    assert (package / "work" / "new").exists()


def test_sockets_with_long_names(home: Path, parrot: MakeParrot) -> None:
    """A short name in the job may stand for a place that is too long for the address of a socket."""
    deep = home.joinpath(*["d" * 60] * 3)
    subprocess.run(["mkdir", "-p", str(deep)], check=True, **places.as_job())
    script = (
        "import os, socket; s = socket.socket(socket.AF_UNIX); s.bind('/short/s'); s.listen(); "
        "c = socket.socket(socket.AF_UNIX);"
        "c.connect('/short/s'); c.send(b'hello'); print(s.accept()[0].recv(9)); n = '/short/' + 'n' * 90;"
        "d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); os.chdir('/short'); d.bind('n' * 90); "
        "e = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM);"
        "e.sendto(b'there', n); print(d.recv(9), sorted(map(len, os.listdir('/short'))))"
    )
    got = parrot().run(["python3", "-I", "-c", script], options=["-M", f"/short={deep}"])
    assert got.expect().stdout == b"b'hello'\nb'there' [1, 90]\n"
