"""Hosts whose /tmp is read-only, mounted noexec, tiny or far away; tempdirs that vanish."""

from __future__ import annotations

from pathlib import Path

import pytest

from parrot_py.config import directories
from tests.support import hosts, places
from tests.support.hosts import assert_works, command_under, doctor, findings, mounted, parrot_under
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment

pytestmark = pytest.mark.usefixtures("namespaces")


def tmpfs(run: Parrot, options: str, after: str = "") -> str:
    """A host with a file system of its own, with these *options*, where the tempdir is to be."""
    top = run.home / "t m p"
    top.mkdir(exist_ok=True)
    places.give(top)
    run.tempdir = top / "parrot"
    return mounted(f'mount -t tmpfs -o {options} none "{top}"{after}')


def by_default(run: Parrot, setup: str, tmpdir: Path, argv: list[str]) -> Outcome:
    """Run *argv* with no tempdir chosen but TMPDIR."""
    command = [*places.launcher(), "-o", str(run.log_file), "-r", run.repositories, "--", *argv]
    return command_under(run, command, setup, environment(run.home, {"TMPDIR": str(tmpdir)}))


def test_a_tempdir_mounted_noexec(run: Parrot) -> None:
    """What the job opens goes to a place from which programs can be started."""
    setup = tmpfs(run, "noexec,mode=1777")
    told = parrot_under(run, setup)
    assert_works(told)
    assert told.log.count(b"is mounted noexec: what the job opens is copied to ") == 1, told
    assert_works(parrot_under(run, setup, options=["--no-seccomp"]))
    examined = doctor(run, setup)
    assert examined.status == 0, examined
    assert findings(examined)["programs"] == "--", examined
    assert findings(examined)["programs of /cvmfs"] == "ok", examined


def test_nothing_is_left_behind_in_the_other_place(run: Parrot) -> None:
    setup = tmpfs(run, "noexec,mode=1777")
    told = parrot_under(run, setup)
    _, _, rest = told.log.decode().partition("is copied to ")
    assert list((Path(rest.partition(";")[0]) / "s").iterdir()) == []


@pytest.mark.parametrize("options", ["noexec,mode=1777", "ro"])
def test_the_default_place_is_passed_over(run: Parrot, options: str) -> None:
    """A TMPDIR where nothing can be written or started: the next place serves, with hard links as ever."""
    setup = tmpfs(run, options)
    told = by_default(run, setup, run.tempdir.parent, ["bash", "-c", hosts.JOB])
    assert_works(told)
    assert b"copied" not in told.log, told


def test_a_read_only_tempdir_that_was_asked_for(run: Parrot, home: Path) -> None:
    told = parrot_under(run, tmpfs(run, "ro"), ["touch", "started"])
    assert told.status == 1, told
    assert told.stderr.count(b"\n") == 1, told
    assert b"Read-only file system" in told.stderr, told
    assert b"-t DIR" in told.stderr, told
    assert not (home / "started").exists()


@pytest.mark.parametrize("options", ["size=64k", "size=4k", "nr_inodes=2", "nr_inodes=12", "nr_inodes=20"])
def test_a_tiny_tempdir(run: Parrot, options: str) -> None:
    """No room: the job is told so, call by call, and never waits; or it is not started, and one line says why."""
    script = f"cat {hosts.R}/hello.txt; cd {hosts.R}/dir; {hosts.R}/bin/report-static >/dev/null; echo alive"
    told = parrot_under(run, tmpfs(run, f"{options},mode=1777"), ["bash", "-c", script])
    assert b"Traceback" not in told.stderr + told.log, told
    if told.status == 1:
        assert told.stdout == b"", told
        assert told.stderr.count(b"\n") == 1, told
        assert b"No space left on device" in told.stderr, told
        return
    assert told.status == 0, told
    assert told.stdout == b"alive\n", told
    assert b"No space left on device" in told.stderr + told.log, told


def test_a_tempdir_of_one_mebibyte(run: Parrot) -> None:
    """Small files come and go; what can never fit is an error of its own reader only."""
    script = "cat hello.txt; cat big.bin | wc -c; cat dir/one sizes/65536 | wc -c"
    told = parrot_under(run, tmpfs(run, "size=1m,mode=1777"), ["bash", "-c", f"cd {hosts.R}; {script}"])
    assert told.status == 0, told
    assert told.stdout == b"hello, world\n0\n65548\n", told
    assert b"No space left on device" in told.stderr, told


@pytest.mark.parametrize("what", ["parrot/cvmfs", "parrot/s", "parrot"])
def test_the_tempdir_is_removed_meanwhile(run: Parrot, what: str) -> None:
    """New opens fail and say so, what is open stays, nothing hangs, and the next run is as the first."""
    script = f"""
exec 3<{hosts.R}/hello.txt
rm -rf "{run.home}/{what}"
cat <&3
cat {hosts.R}/dir/one {hosts.R}/dir/two >/dev/null || echo trouble
{hosts.R}/bin/report-static >/dev/null || echo trouble
echo alive
"""
    told = parrot_under(run, ":", ["bash", "-c", script])
    assert told.status == 0, told
    assert told.stdout.startswith(b"hello, world\n"), told
    assert told.stdout.endswith(b"alive\n"), told
    assert b"Traceback" not in told.stderr + told.log, told
    assert_works(parrot_under(run, ":"))


def far_away(run: Parrot, length: int) -> Path:
    """A path of *length* bytes below the test's home."""
    place = run.home
    while (left := length - len(str(place)) - 1) > 0:
        place = place / ("x" * min(left, 200 if left > 202 or left <= 200 else 100))
    return place


def test_a_tempdir_with_a_long_path(run: Parrot) -> None:
    run.tempdir = far_away(run, directories.LONGEST - len("/cvmfs"))
    assert len(str(run.tempdir)) == 434
    assert_works(parrot_under(run, ":"))


@pytest.mark.parametrize("length", [450, 3000, 4090])
def test_a_tempdir_with_a_path_that_is_too_long(run: Parrot, length: int) -> None:
    run.tempdir = far_away(run, length)
    told = parrot_under(run, ":")
    assert (told.status, told.stdout) == (1, b""), told
    assert told.stderr.count(b"\n") == 1, told
    assert b"too long" in told.stderr, told
    examined = doctor(run)
    assert examined.status == 1, examined
    assert findings(examined)["tempdir"] == "XX", examined


def test_a_tempdir_with_a_strange_name(run: Parrot) -> None:
    run.tempdir = run.home / "a b\tc\nd'\"\\%s é"
    assert_works(parrot_under(run, ":"))
