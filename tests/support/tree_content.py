"""What is in the test tree: everything that a tree can hold.

*top* is the absolute name under which the tree will be seen, for absolute links, scripts and the loader in it.
"""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

from tests.support import tree_programs

NAMES = (
    b"with blank", b" leading", b"trailing ", b"tab\there", b"new\nline", b"back\\slash", b"quote'\"", b"-dash", b"...",
    b"..x", b"*?[]", b"$(VAR)", b"\xc3\xa9\xe2\x82\xac", b"\xff\xfe\x80", b"n" * 255, b"%41", b"#hash", b"semi;colon",
    b"~", b"@", b"a=b", b"\x01\x7f",
)  # fmt: skip
SIZES = (0, 1, 4095, 4096, 4097, 65536, 1000000)
MODES = (0o0000, 0o0400, 0o0444, 0o0555, 0o0600, 0o0644, 0o0755, 0o4755, 0o2755, 0o1644)
CHAIN = 42
LONG_TARGET = "x/" * 120 + "end"


def fill(root: Path, top: str) -> None:
    """Make the whole tree in the empty directory *root*."""
    _files(root)
    _directories(root)
    _links(root / "links", top)
    _special(root)
    _attributes(root)
    _scripts(root, top)
    tree_programs.programs(root, top)
    tree_programs.sources(root)
    tree_programs.databases(root)
    _times(root)


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def _files(root: Path) -> None:
    noise = random.Random(2)
    _write(root / "hello.txt", b"hello, world\n")
    _write(root / "empty", b"")
    _write(root / "private", b"secret\n", 0o600)
    _write(root / "unreadable", b"nobody reads this\n")
    _write(root / "readonly", b"read me\n", 0o444)
    _write(root / "big.bin", noise.randbytes(3_000_001))
    _write(root / "zeros.bin", bytes(3_000_000))
    for name in ("old.txt", "future.txt", "fraction.txt"):
        _write(root / name, name.encode())
    for size in SIZES:
        _write(root / "sizes" / str(size), noise.randbytes(size))
    for mode in MODES:
        _write(root / "modes" / f"{mode:04o}", b"mode\n", mode or 0o644)
    _write(root / "hard" / "a", b"linked\n")
    os.link(root / "hard" / "a", root / "hard" / "b")
    _write(root / "hard" / "c", b"linked\n")
    _write(root / "same" / "one", b"one content, two files\n", 0o644)
    _write(root / "same" / "two", b"one content, two files\n", 0o755)


def _directories(root: Path) -> None:
    for rel in ("file", "one", "two", ".hidden", "sub/leaf", "sub/deeper"):
        _write(root / "dir" / rel, f"this is {rel}\n".encode())
    (root / "emptydir").mkdir()
    for rel in ("noexec-dir", "noread-dir", "nested", "nested/sub/again"):
        _write(root / rel / ("inside" if "nested" in rel else "file"), b"inside\n")
    (root / "noexec-dir" / "link").symlink_to("file")
    for rel in ("nested", "nested/sub/again"):
        _write(root / rel / ".cvmfscatalog", b"")
    for number in range(3000):
        _write(root / "many" / f"f{number:04d}", b"%d\n" % (number % 10))
    _write(root.joinpath("deep", *["d"] * 40, "bottom"), b"the bottom\n")
    (root / "names").mkdir()
    for name in NAMES:
        with open(os.path.join(os.fsencode(root / "names"), name), "wb") as file:
            file.write(name)


def _links(links: Path, top: str) -> None:
    links.mkdir()
    for name, target in {
        "file": "../hello.txt", "dir": "../dir", "dangling": "nowhere", "loop": "loop", "loop-a": "loop-b",
        "loop-b": "loop-a", "up": "..", "self": ".", "abs": f"{top}/hello.txt", "abs-dir": f"{top}/dir/sub",
        "out-file": "/usr/include/stdio.h", "out-dir": "/usr/include", "null": "/dev/null", "top": "/",
        "out-true": "/bin/true", "program": "../bin/report-static", "long": LONG_TARGET,
        "odd": "a target  with 'odd' \t bytes", "script": "../script.sh", "attributes": "../attributes",
        "chain-00": "../hello.txt", "round": f"..//./dir/..//../{os.path.basename(top)}/hello.txt",
        "long-1100": "y/" * 548 + "last", "long-4000": "z/" * 1998 + "last", "long-4095": "w/" * 2045 + "close",
        "long-dots": "./" * 1990 + "../hello.txt", "long-name": "n" * 1200,
        "other": "/cvmfs/demo.parrot.local", "unconfigured": "/cvmfs/unknown.parrot.test/x",
    }.items():  # fmt: skip
        (links / name).symlink_to(target)
    for number in range(1, CHAIN):
        (links / f"chain-{number:02d}").symlink_to(f"chain-{number - 1:02d}")


def _special(root: Path) -> None:
    os.mkfifo(root / "fifo", 0o644)
    here = os.getcwd()
    os.chdir(root)  # the name of a socket is at most 107 bytes long
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("sock")
    os.chdir(here)


def _attributes(root: Path) -> None:
    _write(root / "attributes", b"attributed\n")
    (root / "attributed-dir").mkdir()
    for name, value in (("colour", b"blue"), ("empty", b""), ("big", b"b" * 200), ("binary", bytes(range(32)))):
        os.setxattr(root / "attributes", f"user.{name}", value)
    os.setxattr(root / "attributed-dir", "user.colour", b"green")


def _scripts(root: Path, top: str) -> None:
    for name, text in {
        "script.sh": b'#!/bin/sh\necho "$0" "$#" "$@"\ncat "${0%/*}/hello.txt"\nexit "${1:-0}"\n',
        "script-args": f"#!{top}/bin/report-static   one two  \n".encode(),
        "script-own-program": f"#!{top}/bin/report-own-loader 9\n".encode(),
        "script-missing": b"#!/no/such/interpreter\n",
        "script-interpreter-dir": b"#!/usr\n",
        "script-empty": b"",
        "script-text": b"echo this is no script to the kernel\n",
        "script-crlf": b"#!/bin/sh\r\necho no\r\n",
        "script-blank": b"#! \t \n",
        "script-long": b"#!/bin/echo " + b"a" * 230 + b"\n",
        "script-toolong": b"#!/" + b"a" * 300 + b"\n",
        "script-relative": b"#!bin/report-static\n",
        "script-env": b"#!/usr/bin/env sh\necho env runs \"$0\"\n",
        "script-nonl": b"#!/bin/echo no newline",
        "script-nul": b"#!/bin/echo\0hidden\n",
        "script-nested": f"#!{top}/script.sh\n".encode(),
        "script.py": b"#!/usr/bin/env python3\nimport sys\nprint(sys.argv, __file__)\n",
    }.items():  # fmt: skip
        _write(root / name, text, 0o755)
    _write(root / "script-noexec", b"#!/bin/sh\necho no\n", 0o644)
    (root / "script-link").symlink_to("script.sh")
    _write(root / "script-nested-1", b"#!/bin/echo deep\n", 0o755)
    for depth in range(2, 7):
        _write(root / f"script-nested-{depth}", f"#!{top}/script-nested-{depth - 1}\n".encode(), 0o755)


def _times(root: Path) -> None:
    """Times that do not depend on when the tree was made, directories after what is in them."""
    moment = 1_600_000_000
    for directory, names, files in os.walk(os.fsencode(root), topdown=False):
        for name in sorted(files) + sorted(names) + [b"."]:
            moment += 1
            os.utime(os.path.join(directory, name), (moment, moment), follow_symlinks=False)
    for rel, ns in (("old.txt", 10**9), ("future.txt", 2**32 * 10**9), ("fraction.txt", 1_500_000_000_123_456_789)):
        os.utime(root / rel, ns=(ns, ns))
