"""Directories to publish, with everything in them that a repository can hold; and a comparison with what came out."""

from __future__ import annotations

import os
import random
import socket
import stat
from pathlib import Path

from parrot_py.drivers.cvmfs.publish.objects import ChunkSizes
from tests.drivers.publish_reader import PublishedTree

SMALL_CHUNKS = ChunkSizes(1 << 10, 2 << 10, 4 << 10)


def make_odd_tree(root: Path) -> Path:
    """Every kind of entry that needs no privilege, below *root*."""
    place = os.fsencode(root)
    for name in (b"a/b/c", b"a/nested/deep/inner", b"a/empty", b"modes", b"hard/other", b"chunked", b"links"):
        os.makedirs(place + b"/" + name)
    _names(place + b"/a")
    for nested in (b"a/nested", b"a/nested/deep/inner", b"hard/other"):
        _write(place + b"/" + nested + b"/.cvmfscatalog", b"")
    _write(place + b"/a/nested/in", b"nested content")
    _write(place + b"/a/nested/deep/inner/in", b"deeper content")
    for mode in (0, 0o644, 0o444, 0o4755, 0o2755, 0o1777, 0o7777):
        _write(place + b"/modes/%04o" % mode, b"mode %o" % mode)
        os.chmod(place + b"/modes/%04o" % mode, mode | 0o400)
    os.mkdir(place + b"/modes/sticky")
    os.chmod(place + b"/modes/sticky", 0o1777)
    for name, target in ((b"variant", b"x/$(NAME:-y)/z"), (b"bytes", b"\xff\xfe"), (b"long", b"l" * 4000)):
        os.symlink(target, place + b"/links/" + name)
    _hard_links(place + b"/hard")
    noise = random.Random(2)
    for size in (1023, 1024, 1025, 4096, 4097, 40000):
        _write(place + b"/chunked/%d" % size, noise.randbytes(size))
    _write(place + b"/chunked/zeros", bytes(20000))
    _write(place + b"/chunked/one_piece", b"ab" * 800)
    os.mkfifo(place + b"/a/fifo", 0o600)
    _socket(root / "a" / "socket")
    os.setxattr(place + b"/a/b", b"user.on.directory", b"\x00\xff")
    os.setxattr(place + b"/a/nested/in", b"user.first", b"1")
    os.setxattr(place + b"/a/nested/in", b"user.empty", b"")
    _times(place)
    return root


def make_small_tree(root: Path) -> Path:
    """Two nested catalogs with a file each."""
    for nested in ("quiet", "busy/inner"):
        root.joinpath(nested).mkdir(parents=True)
        root.joinpath(nested, ".cvmfscatalog").touch()
        root.joinpath(nested, "file").write_text(f"in {nested}")
    return root


def snapshot(place: Path) -> dict[str, bytes]:
    """Every file below *place* with its content."""
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def _names(place: bytes) -> None:
    for name in (b"bad\xff\xfe", b"n" * 255, b"new\nline", b"blank blank", "grüße".encode(), b"-rf", b"%41", b"$(X)"):
        _write(place + b"/" + name, b"content of " + name)
    _write(place + b"/nothing", b"")


def _hard_links(place: bytes) -> None:
    _write(place + b"/one", b"linked")
    os.link(place + b"/one", place + b"/two")
    os.link(place + b"/one", place + b"/other/elsewhere")
    _write(place + b"/third", b"linked twice")
    os.link(place + b"/third", place + b"/fourth")
    _write(place + b"/far", b"linked from afar only")
    os.link(place + b"/far", place + b"/other/far")
    os.symlink(b"one", place + b"/link")
    os.link(place + b"/link", place + b"/link2", follow_symlinks=False)


def _socket(path: Path) -> None:
    # A socket's address may have 107 bytes only, so it is bound under a short name from inside the directory.
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)


def _times(place: bytes) -> None:
    stamp = 1_600_000_000_123_456_789
    for directory, _, files in os.walk(place, topdown=False):
        for name in sorted(files):
            stamp += 1_000_000_007
            os.utime(directory + b"/" + name, ns=(stamp, stamp), follow_symlinks=False)
        os.utime(directory, ns=(stamp, stamp))
    os.utime(place + b"/a/nothing", ns=(-86400 * 10**9 + 5, -86400 * 10**9 + 5))


def _write(path: bytes, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def paths_of(root: Path) -> dict[bytes, bytes]:
    """Every path below *root* as a repository has it, and where it is on disk."""
    place = os.fsencode(root)
    found = {b"": place}
    for directory, directories, files in os.walk(place):
        for name in directories + files:
            found[directory[len(place) :] + b"/" + name] = directory + b"/" + name
    return found


def assert_same(published: PublishedTree, source: Path) -> None:
    """Every path, with type, mode, owner, times, size, target, attributes, link count and content."""
    expected = paths_of(source)
    assert set(published.entries) == set(expected)
    for path, place in expected.items():
        status, seen = os.lstat(place), published.entries[path]
        row = seen.row
        assert (row["mode"], row["uid"], row["gid"]) == (status.st_mode, status.st_uid, status.st_gid), path
        assert row["mtime"] * 10**9 + row["mtimens"] == status.st_mtime_ns, path
        assert row["name"] == path.rpartition(b"/")[2]
        assert unpacked(row["xattr"]) == attributes(place), path
        if stat.S_ISREG(status.st_mode):
            assert row["size"] == status.st_size
            assert published.content(seen) == Path(os.fsdecode(place)).read_bytes(), path
        elif stat.S_ISLNK(status.st_mode):
            assert row["symlink"] == os.readlink(place)
            assert row["size"] == len(row["symlink"])
        else:
            assert (row["hash"], row["symlink"]) == (None, b"")
            if not stat.S_ISDIR(status.st_mode):
                assert row["size"] == status.st_rdev


def attributes(place: bytes) -> dict[bytes, bytes]:
    """The extended attributes that are content."""
    names = [os.fsencode(name) for name in os.listxattr(place, follow_symlinks=False)]
    kept = [name for name in names if name.startswith(b"user.") or name == b"security.capability"]
    return {name: os.getxattr(place, name, follow_symlinks=False) for name in kept}


def unpacked(blob: bytes | None) -> dict[bytes, bytes]:
    """The attributes in a blob, read strictly."""
    if blob is None:
        return {}
    assert blob[0] == 1
    found, at = {}, 2
    for _ in range(blob[1]):
        middle = at + 2 + blob[at]
        end = middle + blob[at + 1]
        found[blob[at + 2 : middle]] = blob[middle:end]
        at = end
    assert at == len(blob)
    assert len(found) == blob[1] > 0
    return found
