"""parrot_run -n -e, parrot_package_create, parrot_package_run: a job again, where its repository has disappeared."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import places
from tests.support.packages import TOP, Packing, command, repository
from tests.support.parrot import Parrot, environment

MakeParrot = Callable[..., Parrot]
JOBS = {
    "python": ([f"{TOP}/bin/greet.py", "a b"], 4),
    "compiled": ([f"{TOP}/links/chain", "x"], 3),
    "own loader": ([f"{TOP}/bin/own", "y"], 3),
    "pipeline": (["sh", "-c", f"cat {TOP}/data/number - <{TOP}/data/number | sort | tr 4 5 | head -n 1; exit 7"], 7),
}


@pytest.fixture
def local(parrot: MakeParrot) -> Packing:
    """Jobs that use no repository."""
    return Packing(parrot())


def gone(packing: Packing, package: Path) -> Path:
    """*package* somewhere else, and neither a cache nor the lists any more."""
    place = packing.home / "far" / "away" / package.name
    place.parent.mkdir(parents=True, exist_ok=True)
    package.rename(place)
    places.remove(packing.run.tempdir)
    return place


@pytest.mark.parametrize("suffix", ["", ".tar.gz"])
@pytest.mark.parametrize("job", JOBS)
def test_a_job_whose_repository_is_gone(parrot: MakeParrot, job: str, suffix: str) -> None:
    argv, status = JOBS[job]
    with repository() as entry:
        packing = Packing(parrot([entry]))
        first = packing.record(argv).expect(status)
        assert first.stdout
        package = packing.home / f"package{suffix}"
        packing.create(package).expect(stdout=b"")
    moved = gone(packing, package)
    assert moved.is_dir() == (not suffix)
    packing.again(moved, argv).expect(status, first.stdout)
    assert [path.name for path in (packing.elsewhere / "s").iterdir()] == []


def test_what_is_not_packed_is_not_there(local: Packing) -> None:
    local.record(["sh", "-c", "cat /etc/passwd; ls -d /etc/group"])
    local.create(local.home / "package").expect()
    told = local.again(local.home / "package", ["sh", "-c", "cat /etc/hostname; ls -d /cvmfs /usr/games /etc/shells"])
    assert told.stdout == b""
    assert told.stderr.count(b"No such file or directory") == 4
    local.again(local.home / "package", ["cat", "/proc/self/comm"]).expect(stdout=b"cat\n")


def test_environment_directory_and_shell(local: Packing) -> None:
    local.record(["sh", "-c", "pwd; env | sort >/dev/null"], env={"PATH": "/usr/bin:/bin", "A": "1\n2", "HOME": "/x"})
    local.create(local.home / "package").expect()
    script = 'pwd; echo "$A $HOME ${EXTRA-none}"; exit 5'
    told = local.again(local.home / "package", ["sh", "-c", script])
    told.expect(5, os.fsencode(local.home) + b"\n1\n2 /x none\n")
    lines = local.home / "lines"
    lines.write_text("A=other\nPATH=/bin\n")
    local.again(local.home / "package", ["sh", "-c", 'echo "$A"; pwd'], "-e", str(lines)).expect(stdout=b"other\n/\n")
    local.again(local.home / "package", [], "--shell-type", "/usr/bin/env").expect()
    local.again(local.home / "package", []).expect()


def test_files_of_all_kinds(local: Packing) -> None:
    place = local.home / "place"
    place.mkdir()
    odd = os.fsencode(place) + b"/a\nb\\c \xff|fullcopy"
    with open(odd, "wb") as file:
        file.write(b"odd\n")
    with (place / "holes").open("wb") as holes:
        holes.seek(64 << 20)
        holes.write(b"end")
    (place / "setid").write_text("#!/bin/sh\n")
    (place / "setid").chmod(0o4755)
    os.mkfifo(place / "fifo")
    (place / "absolute").symlink_to("/etc/passwd")
    (place / "dangling").symlink_to("/not/there")
    os.link(place / "holes", place / "same")
    places.give_all(place)
    (place / "setid").chmod(0o4755)
    os.utime(place / "holes", ns=(123456789, 987654321012345678))
    script = (
        'cd place; stat -c "%n %F %a %s %Y %y" holes setid fifo; readlink absolute dangling; head -c 3 absolute; echo; '
        'tail -c 3 holes same; cat "$1"; ls'
    )
    argv: list[str | bytes] = ["bash", "-c", script, "job", odd]
    first = local.record(argv).expect()
    for name in ("package", "package.tar"):
        package = local.home / name
        made = local.create(package)
        assert made.status == 0
        assert made.stderr.decode().splitlines() == [
            f"parrot_package_create: {place}/setid: packed without its set-user-id and set-group-id bits [PP723]"
        ]
        second = local.again(package, argv).expect()
        assert second.stdout == first.stdout.replace(b"4755", b"755")
    packed = Path(f"{local.home}/package{place}")
    assert packed.joinpath("holes").stat().st_blocks < 1024
    assert packed.joinpath("holes").stat().st_nlink == 2
    assert (local.home / "package.tar").stat().st_size > 64 << 20
    assert stat.S_IMODE(packed.joinpath("setid").stat().st_mode) == 0o755


def test_what_permits_nothing_is_packed_as_it_is_listed(local: Packing) -> None:
    closed = local.home / "closed"
    (closed / "directory").mkdir(parents=True)
    (closed / "file").write_text("secret")
    shell = f"chmod 755 {closed}; chmod 0 {closed}/*"
    subprocess.run(["sh", "-c", shell], check=True)
    local.record(["ls", "-l", str(closed)]).expect()
    for name in ("package", "package.tar"):
        local.create(local.home / name).expect()
        listing = local.again(local.home / name, ["ls", "-l", str(closed)]).expect().stdout.splitlines()
        assert [line[:10] for line in listing[1:]] == [b"d---------", b"----------"]


def test_odd_circumstances(local: Packing) -> None:
    """A umask that permits nothing, and no standard descriptors at all."""
    local.record(["true"]).expect()
    package = local.home / "package.tar"
    shell = ["sh", "-c", 'umask 777; exec "$@" <&- >&- 2>&-', "sh"]
    lists = ["-t", str(local.run.tempdir), "-n", str(local.names), "-e", str(local.env), "-p", str(package)]
    run = ["-t", str(local.elsewhere), "-p", str(package), "sh", "-c", "exit 7"]
    for words, status in (([*command("create"), *lists], 0), ([*command("run"), *run], 7)):
        done = subprocess.run(
            [*shell, *words], check=False, env=environment(local.home), cwd=local.home, timeout=120, **places.as_job()
        )
        assert done.returncode == status
    assert package.stat().st_mode & 0o700 == 0o600


def test_what_cannot_be_packed_is_told(local: Packing) -> None:
    place = local.home / "place"
    place.mkdir()
    for name in ("input", "secret"):
        (place / name).write_text("text\n")
    places.give_all(place)
    local.record(["sh", "-c", "cd place; cat input secret; t=$(mktemp); rm $t; rm input; chmod 0 secret"]).expect()
    told = local.create(local.home / "package")
    assert told.status == 1
    lines = told.stderr.decode().splitlines()
    assert lines == [
        f"parrot_package_create: {place}/input: No such file or directory [PP722]",
        f"parrot_package_create: {place}/secret: Permission denied [PP722]",
        "parrot_package_create: 2 names could not be packed [PP722]",
    ]
    assert (local.home / "package").is_dir()


def test_adding_to_a_package(local: Packing) -> None:
    for name in ("package", "package.tar.xz"):
        package = local.home / name
        local.record(["cat", "/etc/passwd"]).expect()
        local.create(package).expect()
        local.record(["sh", "-c", "cat /etc/group; exit $N"], env={"PATH": "/bin", "N": "9"}).expect(9)
        assert b"--new-env" in local.create(package, "-a", str(package)).stderr
        local.create(package, "-a", str(package), "--new-env", "env_list.2").expect()
        assert local.create(package, "-a", str(package), "--new-env", "env_list.2").status == 1
        local.again(package, ["cat", "/etc/passwd", "/etc/group"]).expect()
        local.again(package, ["sh", "-c", "exit $N"], "-e", str(package / "env_list.2")).expect(9)
        told = local.again(package, ["true"], "-e", str(package / "env_list.3"))
        assert (told.status, f"{package / 'env_list.3'}' can't be read".encode() in told.stderr) == (1, True)


def test_an_environment_is_not_put_through_a_link(local: Packing) -> None:
    local.record(["true"]).expect()
    package, outside = local.home / "package", local.home / "outside"
    local.create(package).expect()
    outside.mkdir()
    places.give_all(outside)
    (package / "link").symlink_to(outside)
    told = local.create(package, "-a", str(package), "--new-env", "link/env")
    assert (told.status, b"/link in the package is no directory" in told.stderr) == (1, True)
    assert list(outside.iterdir()) == []
    local.create(package, "-a", str(package), "--new-env", "more/and/env").expect()
    assert (package / "more" / "and" / "env").read_bytes() == local.env.read_bytes()


def test_an_archive_goes_away_with_its_run(local: Packing) -> None:
    """Also where it was killed, with directories that permit nothing; then the next run takes it away."""
    place = local.home / "closed"
    place.mkdir()
    (place / "file").write_text("text\n")
    places.give_all(place)
    place.chmod(0o555)
    local.record(["cat", "closed/file"]).expect()
    package = local.home / "package.tar"
    local.create(package).expect()
    local.again(package, ["sh", "-c", "kill -TERM $$"]).expect(-15)
    assert list((local.elsewhere / "s").iterdir()) == []
    words = [*command("run"), "-t", str(local.elsewhere), "-p", str(package), "sh", "-c", "echo started; read line"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, cwd="/", env=environment(local.home), **pipes, **places.as_job()) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"started\n"
        running.kill()
    assert len(list((local.elsewhere / "s").iterdir())) == 2
    local.again(package, ["cat", "closed/file"]).expect(stdout=b"text\n")
    assert list((local.elsewhere / "s").iterdir()) == []


def test_wrong_use(local: Packing, home: Path) -> None:
    local.record(["true"]).expect()
    assert local.run.run(["true"], options=["-n", str(local.names)]).status == 1
    (home / "there").mkdir()
    assert b"there already" in local.create(home / "there").stderr
    assert local.again(home / "nothing", ["true"]).stderr.startswith(b"parrot_package_run: there is no package")
    assert b"there is no package" in local.again(home / "nothing", ["true"]).stderr
    local.names.write_text("/etc/passwd|copy\n")
    assert local.create(home / "package").stderr.startswith(b"parrot_package_create: --name-list")
    assert not (home / "package").exists()
    assert {path.name for path in home.iterdir() if path.name.startswith(".package")} == set()


def test_a_link_of_the_package_does_not_lead_out_of_it(local: Packing) -> None:
    local.record(["ls", "/"]).expect()
    package = local.home / "package"
    local.create(package).expect()
    (local.home / "outside").write_text("outside\n")
    package.joinpath("tmp").mkdir(exist_ok=True)
    package.joinpath("tmp", "far").symlink_to("../" * 40 + str(local.home / "outside")[1:])
    package.joinpath("tmp", "abs").symlink_to(local.home / "outside")
    package.joinpath("cvmfs").rmdir()
    package.joinpath("cvmfs").symlink_to(local.home)
    for name in ("/tmp/far", "/tmp/abs", "/cvmfs/outside"):
        told = local.again(package, ["ls", name + "/."])
        assert told.status == 2
        assert b"No such file or directory" in told.stderr


def test_inside_parrot_run(parrot: MakeParrot) -> None:
    """What is packed inside a parrot_run is what its job sees; what runs a package can't be there."""
    with repository() as entry:
        packing = Packing(parrot([entry]))
        packing.record([f"{TOP}/bin/hello"]).expect(3)
        run, package = packing.run, packing.home / "package"
        packing.run = Parrot(run.home / "none")
        outer = run.command([])
        create = packing.create
        packing._start, start = lambda words, *more: start([*outer, *words], *more), packing._start  # type: ignore[method-assign]
        create(package).expect()
        told = packing.again(package, [f"{TOP}/bin/hello"])
        assert (told.status, told.stderr.count(b"inside another parrot_run")) == (1, 1)
        packing._start = start  # type: ignore[method-assign]
    shutil.rmtree(run.tempdir)
    packing.again(package, [f"{TOP}/bin/hello"]).expect(3)
