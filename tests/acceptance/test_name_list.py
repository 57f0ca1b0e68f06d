"""parrot_run -n: each name that a job touches, in whatever way it comes by it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import places
from tests.support.packages import NAME, TOP, Packing, repository
from tests.support.parrot import Parrot
from tests.support.programs import I386, cannot_run, program

MakeParrot = Callable[..., Parrot]
OPENAT2 = "import ctypes, functools; functools.partial(ctypes.CDLL(None).syscall, 437)"
BENEATH = "bytes(16) + (8).to_bytes(8, 'little')"


@pytest.fixture
def packing(parrot: MakeParrot) -> Packing:
    return Packing(parrot())


@pytest.fixture
def place(home: Path) -> bytes:
    """A directory of the job's user with some files."""
    top = home / "place"
    for name in ("one", "two", "three", "dir/inner", "gone/file"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    (top / "link").symlink_to("dir")
    (top / "chain").symlink_to("link/inner")
    places.give_all(top)
    return os.fsencode(top)


def touched(packing: Packing, place: bytes, script: str, *options: str) -> dict[str, bool]:
    """What a script of Python, which is in *place*, touches below it."""
    job = f"import os, sys, threading\nos.chdir({os.fsdecode(place)!r})\n{script}"
    packing.record(["python3", "-c", job], options).expect()
    listed = packing.listed()
    return {os.fsdecode(name[len(place) + 1 :]): full for name, full in listed.items() if name.startswith(place + b"/")}


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("open('one').read()", {"one": True}),
        ("os.stat('one')", {"one": False}),
        ("os.stat('one'); open('one')", {"one": True}),
        ("os.open('one', os.O_PATH)", {"one": False}),
        ("fd = os.open('dir', os.O_PATH); os.stat('inner', dir_fd=fd)", {"dir": False, "dir/inner": False}),
        ("os.listdir('dir')", {"dir": True}),
        ("os.close(os.open('dir', os.O_TMPFILE | os.O_RDWR))", {"dir": False}),
        ("os.stat('chain')", {"chain": False, "link": False, "dir/inner": False}),
        ("os.lstat('chain')", {"chain": False}),
        ("open('link/../one')", {"link": False, "one": True}),
        (
            "os.chdir('dir'); os.rename('../dir', '../new'); open('inner')",
            {"new": True, "new/inner": True, "dir": True},
        ),
        ("open('made', 'w').close()", {"made": True}),
        ("open('made', 'w').close(); os.remove('made')", {}),
        ("os.remove('gone/file'); os.rmdir('gone')", {"gone/file": False, "gone": False}),
        ("os.path.exists('not/here')", {}),
        ("os.path.exists('dir/not/here')", {"dir": False}),
        ("os.open('/proc/self/cwd/one', os.O_RDONLY)", {"one": True}),
        ("fd = os.open('one', os.O_PATH); open(f'/proc/self/fd/{fd}')", {"one": True}),
        ("os.rename('one', 'four')", {"four": True, "one": True}),
        ("os.symlink('two', 'one.link'); open('one.link')", {"one.link": False, "two": True}),
        ("os.link('one', 'other')", {"one": True, "other": True}),
        ("os.fork() or (open('one'), os._exit(0)); os.wait(); open('two')", {"one": True, "two": True}),
        ("t = threading.Thread(target=open, args=('one',)); t.start(); t.join()", {"one": True}),
        (f"{OPENAT2}(-100, b'chain', bytes(24), 24)", {"chain": False, "link": False, "dir/inner": True}),
        (f"{OPENAT2}(-100, b'link/../../one', {BENEATH}, 24)", {"link": False}),
    ],
)  # fmt: skip
def test_what_is_listed(packing: Packing, place: bytes, script: str, names: dict[str, bool]) -> None:
    assert touched(packing, place, script) == names


def test_without_seccomp(packing: Packing, place: bytes) -> None:
    script = "os.stat('chain'); open('one'); os.fork() or (open('two'), os._exit(0)); os.wait()"
    names = {"chain": False, "link": False, "dir/inner": False, "one": True, "two": True}
    assert touched(packing, place, script, "--no-seccomp") == names


def test_many_at_once(packing: Packing, place: bytes) -> None:
    for number in range(64):
        Path(os.fsdecode(place), f"f{number}").write_text("x")
    script = (
        "look = lambda n: [open(f'f{k}').close() for k in range(n, 64, 8)]\n"
        "ts = [threading.Thread(target=look, args=(n,)) for n in range(8)]\n"
        "[t.start() for t in ts]; [t.join() for t in ts]"
    )
    assert touched(packing, place, script) == {f"f{number}": True for number in range(64)}


def test_what_the_kernel_opens(packing: Packing, place: bytes) -> None:
    script = Path(os.fsdecode(place), "script")
    script.write_text("#!/bin/sh\nexec /bin/true\n")
    script.chmod(0o755)
    packing.record([str(script)]).expect()
    listed = packing.listed()
    shell, loader = os.path.realpath(b"/bin/sh"), os.path.realpath(b"/lib64/ld-linux-x86-64.so.2")
    library = os.path.realpath(b"/lib/x86_64-linux-gnu/libc.so.6")
    for name in (os.fsencode(script), shell, loader, os.path.realpath(b"/bin/true"), library):
        assert listed[name]
    if os.path.islink(b"/bin"):
        assert listed[b"/bin"] is False
    assert listed[os.fsencode(packing.home)] is False


def test_a_shell_is_listed_for_any_job(packing: Packing) -> None:
    """As in the original; the shell is of use with its libraries."""
    packing.record(["/bin/true"]).expect()
    listed = packing.listed()
    assert listed[os.path.realpath(b"/bin/sh")]
    assert listed[os.path.realpath(b"/lib64/ld-linux-x86-64.so.2")]


def test_names_of_a_repository(parrot: MakeParrot) -> None:
    with repository() as entry:
        packing = Packing(parrot([entry]))
        packing.record([f"{TOP}/links/chain"]).expect(3)
        below = {os.fsdecode(name[len(TOP) + 1 :]): full for name, full in packing.listed().items()
                 if name.startswith(TOP.encode() + b"/")}  # fmt: skip
        assert below == {
            "links/chain": False, "links/hello": False, "bin/hello": True, "lib/libword.so": True, "data/number": True,
        } | {name: False for name in below if name in ("bin", "lib", "links", "bin/glibc-hwcaps")}  # fmt: skip
        packing.record(["sh", "-c", f"cd {TOP}/data; ls; cat number; [ -e none ]; readlink ../links/out"])
        listed = packing.listed()
        assert {listed[f"{TOP}/data".encode()], listed[f"{TOP}/data/number".encode()]} == {True}
        assert listed[f"{TOP}/links/out".encode()] is False
        assert f"{TOP}/data/none".encode() not in listed
        packing.record([f"{TOP}/bin/own"]).expect(3)
        assert packing.listed()[f"/cvmfs/{NAME}/lib/loader".encode()]


def test_names_are_those_of_the_mounts(packing: Packing, place: bytes) -> None:
    there = os.fsdecode(place)
    packing.record(["sh", "-c", "cat /virtual/one /virtual/chain"], ["-M", f"/virtual={there}"]).expect()
    listed = packing.listed()
    assert listed[b"/virtual/one"]
    assert listed[b"/virtual/dir/inner"]
    assert not listed[b"/virtual/chain"]
    assert place + b"/one" not in listed


def test_a_program_of_i386(packing: Packing) -> None:
    if reason := cannot_run(*I386):
        pytest.skip(reason)
    file = packing.home / "file"
    file.write_text("text")
    packing.record([str(program("budget", *I386)), "open+close", str(file), "3"]).expect()
    assert packing.listed()[os.fsencode(file)]


@pytest.mark.serial
def test_how_many_stops(packing: Packing) -> None:
    """A list costs no stops: calls with paths stop anyway, and others never."""
    counted = []
    for options in ([], ["-n", str(packing.names)]):
        packing.run.log_file.unlink(missing_ok=True)
        packing.run.run([str(program("budget")), "stat", "/etc/passwd", "100"], options=["--stats", *options]).expect()
        counted.append(packing.run.stats()["stops"])
    assert counted[0] == counted[1]
    assert b"/etc/passwd" in packing.listed()
