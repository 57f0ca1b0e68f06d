"""parrot_run inside user, mount and pid namespaces, as a container's root, and with a /proc that tells too little."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import hosts, places
from tests.support.hosts import assert_refused, assert_works, doctor, findings, mounted, parrot_under
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment

pytestmark = pytest.mark.usefixtures("namespaces")

UNSHARE = {
    "a user namespace": 'exec unshare --user -- "$@"',
    "root of a user namespace": 'exec unshare --user --map-root-user -- "$@"',
    "root without capabilities": 'exec unshare -r -- setpriv --bounding-set=-all --inh-caps=-all -- "$@"',
    "root without CAP_SYS_PTRACE": 'exec unshare -r -- setpriv --bounding-set=-sys_ptrace -- "$@"',
    "a mount namespace": 'exec unshare -r --mount -- "$@"',
    "a pid namespace": 'exec unshare -r --mount --pid --fork --mount-proc -- "$@"',
    "all of them": 'exec unshare -r -m -p -f -n -i -u -C --mount-proc -- "$@"',
    "hidepid=2": mounted("mount -t proc -o hidepid=2 proc /proc", "--pid --fork "),
    "a /proc with processes only": mounted("mount -t proc -o subset=pid proc /proc", "--pid --fork "),
    "no /sys": mounted("mount -t tmpfs none /sys"),
    "no /dev": mounted("mount -t tmpfs none /dev"),
}
NO_NETWORK = ("all of them",)


@pytest.mark.parametrize("name", UNSHARE)
def test_works(run: Parrot, name: str) -> None:
    if name in NO_NETWORK:
        # Its loopback leads to no server of ours: what the job needs is in the cache.
        assert_works(parrot_under(run, ":"))
    assert_works(parrot_under(run, UNSHARE[name]))


@pytest.mark.parametrize("name", UNSHARE)
def test_the_doctor_says_so(run: Parrot, name: str) -> None:
    told = doctor(run, UNSHARE[name])
    assert told.status == 0, told
    assert told.stderr == b"", told
    assert "XX" not in findings(told).values(), told
    assert findings(told)["programs of /cvmfs"] == "ok", told


WITHOUT_PROC = {
    "not there": mounted("mount -t tmpfs none /proc", "--pid --fork "),
    "another pid namespace": 'exec unshare -r --pid --fork -- "$@"',
}


@pytest.mark.parametrize("name", WITHOUT_PROC)
def test_a_proc_that_does_not_show_the_job(run: Parrot, home: Path, name: str) -> None:
    told = parrot_under(run, WITHOUT_PROC[name], ["touch", "started"])
    assert_refused(told, "/proc", "mount")
    assert not (home / "started").exists()
    examined = doctor(run, WITHOUT_PROC[name])
    assert examined.status == 1, examined
    assert examined.stderr == b"", examined
    assert findings(examined)["/proc"] == "XX", examined


def test_real_root_without_capabilities(run: Parrot) -> None:
    """A container's root that the runtime has left next to nothing."""
    if not places.is_root():
        pytest.skip("only root can be root without capabilities")
    run.tempdir = run.home / "of-root"
    run.tempdir.mkdir()
    run.log_file = run.tempdir / "log"
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
    done = subprocess.run(
        [*command, *run.command(["bash", "-c", hosts.JOB])],
        env=environment(run.home), cwd=run.home, capture_output=True, stdin=subprocess.DEVNULL, timeout=120,
        check=False,
    )  # fmt: skip
    assert_works(Outcome(done.returncode, done.stdout, done.stderr, run.log()))


BWRAP = "exec bwrap --ro-bind / / --dev /dev --proc /proc --die-with-parent "
# The checkout, or the virtual environment, may lie below /tmp.
TMPFS = "--tmpfs /tmp " + "".join(f"--ro-bind '{path}' '{path}' " for path in (places.CHECKOUT, sys.prefix))
CONTAINERS = {
    "all unshared": BWRAP + '--unshare-user --unshare-pid --unshare-ipc --unshare-uts --bind {base} {base} "$@"',
    "a tmpfs on /tmp": BWRAP + TMPFS + '--unshare-all --share-net --bind {base} {base} "$@"',
    "as its root": BWRAP + TMPFS + '--unshare-all --share-net --uid 0 --gid 0 --bind {base} {base} "$@"',
    "without capabilities": BWRAP + '--unshare-all --share-net --cap-drop ALL --bind {base} {base} "$@"',
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_inside_bubblewrap(run: Parrot, name: str) -> None:
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    setup = CONTAINERS[name].format(base=places.base())
    assert_works(parrot_under(run, setup))
    told = doctor(run, setup)
    assert told.status == 0, told
    assert "XX" not in findings(told).values(), told


INNER = ("--dev-bind / /", "--ro-bind / / --dev /dev --proc /proc", "--dev-bind / / --unshare-pid --proc /proc")


@pytest.mark.parametrize("more", INNER)
def test_bubblewrap_inside(run: Parrot, more: str) -> None:
    """A container that the job makes; on its way there is a root directory in which the tempdir is hidden."""
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    if reason := hosts.no_namespaces():
        pytest.skip(reason)
    assert_works(run.run(["bwrap", *more.split(), "bash", "-c", hosts.JOB]))
