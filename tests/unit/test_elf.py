"""Finding the loader of a program, and the copy that names another one."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from parrot_py import elf
from tests.support import places
from tests.support.programs import I386, cannot_run, compile_c, program

LS = shutil.which("ls") or "/bin/ls"


@pytest.fixture(scope="module")
def loader() -> bytes:
    found = elf.interpreter(LS)
    assert found is not None
    return found


def static_program() -> Path:
    """A program without a loader."""

    def build(output: Path) -> None:
        source = output.with_suffix(".c")
        source.write_text("int main(void) { return 0; }")
        compile_c(source, output, "-static")

    return places.once("unit-static", build)


def test_the_loader_of_a_program(loader: bytes) -> None:
    assert loader.startswith(b"/")
    assert b"\0" not in loader
    assert os.path.exists(loader)
    shown = subprocess.run(["readelf", "-l", LS], capture_output=True, check=True).stdout
    assert b"Requesting program interpreter: %s]" % loader in shown


@pytest.fixture(scope="module")
def narrow() -> Path:
    """A 32-bit program."""
    if reason := cannot_run(*I386):
        pytest.skip(reason)
    return program("report", *I386)


def test_a_32_bit_program_with_another_loader(narrow: Path, tmp_path: Path) -> None:
    loader = elf.interpreter(str(narrow))
    assert loader is not None
    assert os.path.exists(loader)
    mine = tmp_path / "a loader of mine"
    shutil.copyfile(loader, mine)
    mine.chmod(0o755)
    copy = Path(elf.with_interpreter(str(narrow), os.fsencode(mine), str(tmp_path / "derived")))
    before, after = narrow.read_bytes(), copy.read_bytes()
    assert after[len(before) :] == os.fsencode(mine) + b"\0"
    differing = [i for i, (a, b) in enumerate(zip(before, after)) if a != b]
    assert differing[-1] - differing[0] < 32, "within one program header"
    assert b"argv[1]: 0\n" in subprocess.run([copy, "0"], capture_output=True, check=True).stdout
    mine.unlink()
    with pytest.raises(FileNotFoundError):
        subprocess.run([copy], check=True)  # the kernel did look for that one


def test_files_without_a_loader(tmp_path: Path) -> None:
    head = Path(LS).read_bytes()
    samples = {
        "empty": b"",
        "script": b"#!/bin/sh\n",
        "magic": b"\x7fELF",
        "cut in the header": head[:40],
        "cut before the program headers": head[:64],
        "32 bits": head[:4] + b"\1" + head[5:],
        "big endian": head[:5] + b"\2" + head[6:],
        "headers beyond the end": head[:32] + struct.pack("<Q", 1 << 62) + head[40:],
        "noise": bytes(range(256)) * 8,
    }
    for name, data in samples.items():
        (tmp_path / name).write_bytes(data)
        assert elf.interpreter(str(tmp_path / name)) is None, name
    assert elf.interpreter(str(static_program())) is None
    with pytest.raises(FileNotFoundError):
        elf.interpreter(str(tmp_path / "none"))


def test_every_cut_of_a_program_is_survived(tmp_path: Path) -> None:
    head = Path(LS).read_bytes()[:1200]
    place = tmp_path / "cut"
    for length in range(0, len(head), 7):
        place.write_bytes(head[:length])
        found = elf.interpreter(str(place))
        assert found is None or found.startswith(b"/") or found == b""


def test_a_copy_runs_with_its_loader(tmp_path: Path, loader: bytes) -> None:
    mine = tmp_path / "a loader of mine"
    shutil.copyfile(loader, mine)
    mine.chmod(0o755)
    copy = elf.with_interpreter(LS, os.fsencode(mine), str(tmp_path / "derived"))
    assert elf.interpreter(copy) == os.fsencode(mine)
    assert subprocess.run([copy, "/etc/passwd"], capture_output=True, check=True).stdout == b"/etc/passwd\n"
    mine.unlink()
    with pytest.raises(FileNotFoundError):
        subprocess.run([copy], check=True)  # the kernel did look for that one


def test_only_the_program_header_differs(tmp_path: Path) -> None:
    name = b"/cvmfs/r/" + b"deep/" * 60 + b"ld.so"
    copy = Path(elf.with_interpreter(LS, name, str(tmp_path)))
    before, after = Path(LS).read_bytes(), copy.read_bytes()
    assert after[len(before) :] == name + b"\0"
    differing = [i for i, (a, b) in enumerate(zip(before, after)) if a != b]
    assert differing[-1] - differing[0] < 56, "within one program header"
    assert copy.stat().st_mode & 0o777 == 0o555


def test_copies_are_kept_and_told_apart(tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copyfile(LS, program)
    directory = str(tmp_path / "derived")
    one = elf.with_interpreter(str(program), b"/cvmfs/r/ld.so", directory)
    stamp = os.stat(one)
    assert elf.with_interpreter(str(program), b"/cvmfs/r/ld.so", directory) == one
    assert os.stat(one) == stamp
    assert elf.with_interpreter(str(program), b"/cvmfs/r/ld2.so", directory) != one
    os.utime(program, (1, 1))
    assert elf.with_interpreter(str(program), b"/cvmfs/r/ld.so", directory) != one, "it may be another program now"
    assert len(os.listdir(directory)) == 3


def test_what_has_no_loader_gets_none(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOEXEC)):
        elf.with_interpreter(str(static_program()), b"/x", str(tmp_path / "derived"))
    assert not (tmp_path / "derived").exists() or os.listdir(tmp_path / "derived") == []


def test_nothing_half_made_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="full"):
        elf.with_interpreter(LS, b"/x", str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_many_may_ask_at_once(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(elf.with_interpreter(LS, b"/x/ld.so", str(tmp_path))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert [os.path.join(tmp_path, name) for name in os.listdir(tmp_path)] == [*set(found)]
    assert elf.interpreter(found[0]) == b"/x/ld.so"
