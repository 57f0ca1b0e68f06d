"""What the narrow structures of i386 do with numbers that do not fit; the twins compare the rest with the kernel."""

from __future__ import annotations

import errno
import stat as st
import struct
from collections.abc import Callable
from typing import Any

import pytest

from parrot_py.drivers.base import Inode, StatFs
from parrot_py.engine.kinds import Abi
from parrot_py.syscalls.layouts import LAYOUTS, STATFS64_SIZE, oldstat_bytes, stat64_pieces, statfs64_bytes

FILE = Inode(
    b"/f", ino=300, mode=st.S_IFREG | 0o644, nlink=1, uid=70000, gid=8, rdev=0, size=5, mtime_ns=1_600_000_000 * 10**9
)
DEVICE = 0xFF001
NARROW = LAYOUTS[Abi.I386]


@pytest.mark.parametrize(
    ("change", "stat", "old"),
    [
        ({}, True, True),
        ({"size": (1 << 31) - 1}, True, True),
        ({"size": 1 << 31}, False, True),  # sys_stat of a 64-bit kernel cuts it off
        ({"ino": 0xFFFF}, True, True),
        ({"ino": 0x10000}, True, False),
        ({"ino": 0xFFFFFFFF}, True, False),
        ({"ino": 1 << 32}, False, False),
        ({"nlink": 0x10000}, False, False),
        ({"mtime_ns": 10**19}, True, True),
        ({"mtime_ns": -(10**9)}, True, True),
    ],
)
def test_what_fits(change: dict[str, Any], stat: bool, old: bool) -> None:
    inode = FILE._replace(**change)
    for make, fits in ((NARROW.stat, stat), (oldstat_bytes, old)):
        assert _error(make, inode) == (0 if fits else errno.EOVERFLOW)


def _error(make: Callable[[Inode, int], bytes], inode: Inode) -> int:
    try:
        make(inode, DEVICE)
    except OSError as error:
        return error.errno or -1
    return 0


def test_sizes_are_those_of_the_kernel() -> None:
    assert len(NARROW.stat(FILE, DEVICE)) == 64
    assert len(oldstat_bytes(FILE, DEVICE)) == 32
    assert len(NARROW.statfs(StatFs(), DEVICE)) == 64
    assert len(statfs64_bytes(StatFs(), DEVICE)) == STATFS64_SIZE == 84
    assert [(at, at + len(piece)) for at, piece in stat64_pieces(FILE, DEVICE)] == [(0, 8), (12, 40), (44, 96)]


def test_owners_that_do_not_fit_are_the_overflow_id() -> None:
    assert struct.unpack_from("<HH", NARROW.stat(FILE, DEVICE), 12) == (65534, 8)
    assert struct.unpack_from("<HH", oldstat_bytes(FILE, DEVICE), 8) == (65534, 8)


def test_statfs_of_a_big_file_system() -> None:
    NARROW.statfs(StatFs(blocks=0xFFFFFFFF), DEVICE)
    for name in ("blocks", "bfree", "bavail", "files", "ffree"):
        with pytest.raises(OSError, match="too large"):
            NARROW.statfs(StatFs(**{name: 1 << 32}), DEVICE)
        assert len(statfs64_bytes(StatFs(**{name: 1 << 32}), DEVICE)) == STATFS64_SIZE
