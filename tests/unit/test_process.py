"""What is read of a thread from /proc, and permission bits as the kernel takes them."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from parrot_py.drivers.base import Inode
from parrot_py.process import (
    Credentialer,
    Credentials,
    R,
    W,
    X,
    file_flags,
    file_offset,
    read_status,
    thread_group,
)
from tests.support import places
from tests.unit.walk_world import effective


def inode(mode: int, uid: int, gid: int) -> Inode:
    return Inode(b"/x", 1, mode, 1, uid, gid, 0, 0, 0)


@pytest.mark.parametrize("kind", [stat.S_IFREG, stat.S_IFDIR])
@pytest.mark.parametrize("mode", [0o000, 0o400, 0o040, 0o004, 0o070, 0o007, 0o707, 0o111, 0o640, 0o751])
def test_permission_bits(kind: int, mode: int) -> None:
    """Owner before group before others; the first that fits decides."""
    cases = {(1, 9, ()): mode >> 6, (2, 5, ()): mode >> 3, (2, 9, (5,)): mode >> 3, (2, 9, (7,)): mode}
    for (uid, gid, groups), bits in cases.items():
        who = Credentials(uid, gid, frozenset(groups))
        for mask in range(8):
            assert who.may(inode(kind | mode, 1, 5), mask) == (bits & mask == mask)


@pytest.mark.parametrize(
    ("mode", "mask", "allowed"),
    [(0o000, R | W, True), (0o000, X, False), (0o010, X, True), (0o001, R | W | X, True), (0o600, X, False)],
)
def test_capabilities_override_all_but_execution_of_what_nobody_may(mode: int, mask: int, allowed: bool) -> None:
    who = Credentials(3, 3, frozenset(), override=True)
    assert who.may(inode(stat.S_IFREG | mode, 1, 1), mask) == allowed
    assert who.may(inode(stat.S_IFDIR | mode, 1, 1), mask)


def test_permission_is_what_the_kernel_says(home: Path) -> None:
    if not places.is_root():
        pytest.skip("only root can ask the kernel as somebody else")
    file, folder = home / "file", home / "folder"
    file.write_text("x")
    folder.mkdir()
    for mode in (0o000, 0o750, 0o057, 0o705, 0o421, 0o124):
        for uid, gid in ((65534, 1), (1, 65534), (1, 77), (1, 1)):
            for place in (file, folder):
                os.chown(place, uid, gid)
                place.chmod(mode)
                seen = place.stat()
                who = Credentials(65534, 65534, frozenset([77]))
                with effective(who):
                    told = [os.access(place, mask, effective_ids=True) for mask in range(1, 8)]
                assert told == [who.may(inode(seen.st_mode, uid, gid), mask) for mask in range(1, 8)]


def test_our_own_credentials() -> None:
    who = Credentialer().of(os.getpid())
    assert (who.uid, who.gid, who.groups) == (os.geteuid(), os.getegid(), frozenset(os.getgroups()))
    assert who.override == (os.geteuid() == 0 and bool(int(read_status(os.getpid())["CapEff"], 16) & 6))


def test_a_thread_that_is_gone() -> None:
    assert Credentialer().of(1 << 22).uid == os.geteuid()
    assert thread_group(1 << 22) == 1 << 22
    with pytest.raises(OSError, match="No such"):
        read_status(1 << 22)


def test_a_job_of_root_may_be_somebody_else() -> None:
    if not places.is_root():
        pytest.skip("an unprivileged job cannot change its user")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=6, group=5, extra_groups=[7, 8]) as somebody:
        assert Credentialer().of(somebody.pid) == Credentials(6, 5, frozenset([7, 8]), override=False)


def test_threads_belong_to_their_process() -> None:
    told: list[int] = []
    thread = threading.Thread(target=lambda: told.append(thread_group(threading.get_native_id())))
    thread.start()
    thread.join()
    assert told == [os.getpid()]


def test_descriptors(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_PATH | os.O_CLOEXEC)
    assert file_flags(os.getpid(), fd) & os.O_PATH
    assert file_flags(os.getpid(), fd) & os.O_CLOEXEC
    os.close(fd)
    (tmp_path / "f").write_bytes(b"12345")
    with (tmp_path / "f").open("rb") as file:
        os.lseek(file.fileno(), 3, os.SEEK_SET)
        assert file_offset(os.getpid(), file.fileno()) == 3
        assert not file_flags(os.getpid(), file.fileno()) & os.O_PATH
    with pytest.raises(OSError, match="No such"):
        file_offset(os.getpid(), 999)
