"""Mountlists on real calls: words, permissions, patterns, resolvers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.parrot import Parrot, environment
from tests.support.programs import I386, cannot_run, program
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]

CALLS = """
import errno, os, socket, sys
def try_(name, call, *args, **kw):
    try:
        call(*args, **kw)
        print(name, "ok")
    except OSError as error:
        print(name, errno.errorcode[error.errno])
def bind(path, how):
    with socket.socket(socket.AF_UNIX) as s:
        getattr(s, how)(path)
def execute(path):
    pid = os.fork()
    if pid == 0:
        try:
            os.execv(path, [path])
        except OSError as error:
            os._exit(error.errno)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(code, "exec")
O = os.open
for path in sys.argv[1:]:
    f, d, n = path + "/file", path + "/dir", path + "/none"
    try_("stat", os.stat, f); try_("lstat", os.lstat, path); try_("stat missing", os.stat, n)
    try_("read", O, f, os.O_RDONLY); try_("write", O, f, os.O_WRONLY); try_("both", O, f, os.O_RDWR)
    try_("create", O, n, os.O_CREAT | os.O_WRONLY); try_("create old", O, f, os.O_CREAT | os.O_RDONLY)
    try_("exclusive old", O, f, os.O_CREAT | os.O_EXCL | os.O_WRONLY); try_("missing", O, path + "/no", os.O_RDONLY)
    try_("list", os.listdir, d); try_("chdir", os.chdir, d); os.chdir("/"); try_("chdir file", os.chdir, f)
    try_("mkdir", os.mkdir, path + "/new"); try_("mkdir old", os.mkdir, d); try_("mkdir deep", os.mkdir, n + "/x/y")
    try_("unlink missing", os.unlink, path + "/no"); try_("rmdir", os.rmdir, path + "/new")
    try_("rename", os.rename, f, path + "/file2"); try_("rename back", os.rename, path + "/file2", f)
    try_("link", os.link, f, path + "/hard"); try_("unlink", os.unlink, path + "/hard")
    try_("symlink", os.symlink, "x", path + "/soft"); try_("readlink", os.readlink, path + "/soft")
    try_("truncate", os.truncate, f, 0); try_("chmod", os.chmod, f, 0o755); try_("utime", os.utime, f)
    try_("exec", execute, path + "/prog"); try_("exec missing", execute, path + "/no")
    try_("bind", bind, path + "/sock", "bind"); try_("connect", bind, path + "/sock", "connect")
    try_("statfs", os.statvfs, path); try_("mkfifo", os.mkfifo, path + "/fifo")
"""


def area(home: Path, name: str) -> Path:
    """A directory with a file, a directory and a program."""
    place = places.fresh(home / name)
    (place / "file").write_text("#!/bin/sh\n")
    shutil.copy("/bin/true", place / "prog")
    for made in (place / "file", place / "prog"):
        made.chmod(0o755)
        places.give(made)
    places.fresh(place / "dir")
    return place


def told(run: Parrot, mountlist: str, *paths: Path | str) -> dict[str, str]:
    """What each call at the paths came to, with the *mountlist*."""
    (run.home / "list").write_text(mountlist)
    output = run.run(["python3", "-I", "-c", CALLS, *map(str, paths)], options=["-m", str(run.home / "list")])
    lines = output.expect().stdout.decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


def test_everything_is_permitted(home: Path, parrot: MakeParrot) -> None:
    """The same calls natively, and where a list says rwx: nothing differs."""
    place = area(home, "area")
    native = subprocess.run(
        ["python3", "-I", "-c", CALLS, str(place)], check=True, capture_output=True, text=True, **places.as_job()
    )
    wanted = dict(line.rsplit(" ", 1) for line in native.stdout.splitlines())
    assert told(parrot(), f"{place} rwx\n", area(home, "area")) == wanted
    assert told(parrot(), f"/no/such {place} rwx\n{home}/a* rwx\n", area(home, "area")) == wanted
    other = area(home, "other")
    assert told(parrot(), f"{place} {other}\n", place) == wanted


@pytest.mark.parametrize(("word", "name"), [("DENY", "EACCES"), ("ENOENT", "ENOENT")])
def test_a_word_answers_every_call(home: Path, parrot: MakeParrot, word: str, name: str) -> None:
    place = area(home, "area")
    found = told(parrot(), f"{place} {word}\n", place)
    assert found == dict.fromkeys(found, name)
    assert (place / "file").exists()
    assert sorted(os.listdir(place)) == ["dir", "file", "prog"]


def test_permissions(home: Path, parrot: MakeParrot) -> None:
    place = area(home, "area")
    found = told(parrot(), f"{place} rx\n", place)
    good = {"stat", "lstat", "read", "create old", "list", "chdir", "exec", "statfs"}
    assert {call for call, answer in found.items() if answer == "ok"} == good
    there = {"exclusive old": "EEXIST", "mkdir old": "EEXIST", "chdir file": "ENOTDIR", "stat missing": "ENOENT"}
    missing = ("missing", "unlink missing", "exec missing", "mkdir deep", "unlink", "rmdir", "rename back", "readlink")
    for call, answer in {**there, **dict.fromkeys(missing, "ENOENT")}.items():
        assert found[call] == answer, call
    refused = (
        "write",
        "both",
        "create",
        "mkdir",
        "rename",
        "link",
        "symlink",
        "truncate",
        "chmod",
        "utime",
        "bind",
        "mkfifo",
    )
    assert {call: found[call] for call in refused} == dict.fromkeys(refused, "EACCES")
    assert sorted(os.listdir(place)) == ["dir", "file", "prog"]
    assert (place / "file").read_text()


def test_permissions_of_i386(home: Path, parrot: MakeParrot) -> None:
    """The calls that only 32-bit programs have."""
    reason = cannot_run(*I386)
    if reason:
        pytest.skip(reason)
    place = area(home, "area")
    for allowed, answer in (("rwx", "ok"), ("rx", "EACCES")):
        (home / "list").write_text(f"{place} {allowed}\n")
        argv = [str(program("i386_rights", *I386)), str(place / "file"), str(place / "dir")]
        lines = parrot().run(argv, options=["-m", str(home / "list")]).expect().stdout.decode().splitlines()
        found = dict(line.split(": ") for line in lines)
        assert found.pop("truncate64 of a directory") == "EISDIR"
        assert found == dict.fromkeys(("truncate64", "lchown32", "chown32", "utimensat_time64"), answer)


@pytest.mark.parametrize(
    ("allowed", "fails"),
    [
        ("r", {"read", "write", "chdir", "exec", "list"}),
        ("x", {"read", "list", "write"}),
        ("wx", {"read", "list", "both"}),
        ("rw", {"read", "chdir", "exec"}),
    ],
)
def test_each_permission(home: Path, parrot: MakeParrot, allowed: str, fails: set[str]) -> None:
    found = told(parrot(), f"{home}/* {allowed}\n", area(home, "area"))
    assert {found[call] for call in fails} == {"EACCES"}
    assert found["stat"] == "ok"
    assert found["mkdir"] == ("ok" if "w" in allowed else "EACCES")


def test_the_last_one_wins_and_patterns_cross_slashes(home: Path, parrot: MakeParrot) -> None:
    place = area(home, "area")
    places.give(place / "dir").joinpath("secret.key").write_text("no")
    (place / "dir" / "open.key").write_text("yes")
    (home / "list").write_text(f"{place} ENOENT\n{place} {place}\n{place}/*.key DENY\n{place}/dir/open.key rwx\n")
    script = (
        f"cat {place}/dir/secret.key; cat {place}/dir/open.key; cd {place}/dir; cat secret.key; cat ../dir/*en.key; ls"
    )
    got = parrot().run(["/bin/sh", "-c", f"{script}; cat {place}/dir/secret.key/x"], options=["-m", str(home / "list")])
    assert got.stdout == b"yesyesopen.key\nsecret.key\n"
    assert got.stderr.count(b"Permission denied") == 3


def test_only_what_is_listed(home: Path, parrot: MakeParrot) -> None:
    """Deny by default: the root itself, and all that is not named."""
    place = area(home, "area")
    lines = ["/ DENY", *(f"{top} rx" for top in ("/bin", "/lib", "/lib64", "/usr", "/etc", "/dev")), f"{place} rx"]
    (home / "list").write_text("\n".join(lines) + "\n")
    script = (
        f"cat {place}/file; cd {place}; pwd; ls; ls {home}; ls /; ls /cvmfs; ls /var; "
        f"cat {place}/../list; echo x >{place}/new"
    )
    got = parrot().run(["/bin/bash", "-c", script], options=["-m", str(home / "list")], cwd=Path("/usr"))
    assert got.stdout.decode() == f"#!/bin/sh\n{place}\ndir\nfile\nprog\n"
    assert got.stderr.count(b"Permission denied") == 6


def test_links_do_not_lead_around_it(home: Path, parrot: MakeParrot) -> None:
    place = area(home, "area")
    for name, target in (("in", place), ("deep", place / "file"), ("up", Path("area/dir/.."))):
        os.symlink(target, home / name)
    names = ("in/file", "deep", "up/file", "area/dir/../file", "./area//file")
    script = "; ".join(f"cat {home}/{name}" for name in names) + f"; cd {home}; cat " + " ".join(names)
    got = parrot().run(["/bin/sh", "-c", script], options=["-M", f"{place}=DENY"])
    assert (got.stdout, got.stderr.count(b"Permission denied")) == (b"", 10)


def test_repositories(twin: Site, parrot: MakeParrot, home: Path) -> None:
    """DENY, ENOENT, permissions and LOCAL below /cvmfs; writing stays EROFS."""
    top = tree.TOP
    lines = [f"{top}/hello.txt DENY", f"{top}/dir ENOENT", f"{top}/dir/sub rx", f"{top}/links r", "/cvmfs/here LOCAL"]
    (home / "list").write_text("\n".join([*lines, f"{top}/same rx"]) + "\n")
    script = (
        f"cd {top}; ls dir/sub; cat {top}/hello.txt hello.txt; stat dir; ls {top}/dir; cat links/file; ls -d links;"
        f"echo >{top}/same/x; cat same/two >/dev/null; ls /cvmfs/here; ls {top} | grep -c hello"
    )
    run = parrot([twin.entry(tree.NAME)], ["-m", str(home / "list")])
    env = {**environment(home), "LC_ALL": "C"}
    got = run.run(["/bin/bash", "-c", script], env=env)
    assert got.stdout == b"deeper\nleaf\nlinks\n1\n"
    said = got.stderr.decode()
    for line in (
        f"cat: {top}/hello.txt: Permission denied",
        "cat: hello.txt: Permission denied",
        "stat: cannot statx 'dir': No such file or directory",
        "cat: links/file: Permission denied",
        f"{top}/same/x: Read-only file system",
        "ls: cannot access '/cvmfs/here': No such file or directory",
    ):
        assert line in said, said
    again = run.run(["/bin/sh", "-c", f"ls -l {top} >/dev/null; for i in 1 2 3; do cat {top}/hello.txt; done"], env=env)
    assert again.stderr.count(b"Permission denied") >= 3, "what a listing feeds to the core must not open it"


def test_resolver_and_lcache(home: Path, parrot: MakeParrot) -> None:
    place = area(home, "area")
    program = home / "resolve"
    program.write_text(
        f'#!/bin/sh\necho "$1" >>{home}/asked\ncase $1 in *bad*) exit 3;; *odd*) echo x;; *) echo {place}$1;; esac\n'
    )
    program.chmod(0o755)
    (place / "dir" / "it's here").write_text("found\n")
    (home / "list").write_text(f"/virtual resolver:{program}\n/cached lcache:{place}/dir|{place}\n")
    script = (
        'cat "/virtual/dir/it\'s here" /virtual/./dir/../file; cd /virtual/dir && ls; ls /virtual; cat /virtual/bad/x; '
        "cat /virtual/bad/x; cat /virtual/odd; cat '/cached/it'\\''s here' /cached/file; "
        "cat /virtual/none; ls /virtual/bad"
    )
    got = parrot().run(["/bin/sh", "-c", script], options=["-m", str(home / "list")])
    assert got.stdout == b"found\n#!/bin/sh\nit's here\ndir\nfile\nprog\nfound\n#!/bin/sh\n"
    assert got.stderr.count(b"Input/output error") == 4
    assert got.stderr.count(b"No such file") == 1
    assert got.log.count(b"failed with status 3") == 2, "one line for each name, however often it is asked for"
    asked = (home / "asked").read_text().splitlines()
    assert asked.count("/dir/it's here") == 1, "answers are kept"


def test_a_mistake_ends_it_before_anything_is_started(home: Path, parrot: MakeParrot) -> None:
    (home / "list").write_text("# mounts\n/tmp\n")
    got = parrot().run(["/bin/echo", "started"], options=["-m", str(home / "list")])
    assert (got.status, got.stdout) == (1, b"")
    assert got.stderr.startswith(f"parrot_run: {home}/list:2: '/tmp' stands alone".encode())
    assert got.stderr.count(b"\n") == 1
