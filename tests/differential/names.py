"""Paths for random calls: names of all kinds, and what can be done to a path without changing or by changing it."""

from __future__ import annotations

from random import Random
from typing import Callable

from tests.differential.trees import LINKS, NAME, NAMES, OTHER, OTHER_TOP, TOP

R, OTHER_R = TOP.encode(), OTHER_TOP.encode()

LEAVES = (
    b"file", b"empty", b"private", b"big", b"chunked", b"unreadable", b"execonly", b"suid", b"script", b"script-bad",
    b"script-dir", b"script-loop", b"text", b"prog", b"fifo", b"sock", b"hard", b"attributes", b"dir/file", b"dir/two",
    b"dir/.hidden", b"dir/sub/leaf", b"dir/sub/more", b"nested/inside", b"nested/sub/x", b"noexec/in", b"noread/in",
    b"shut/in", b"many/f000", b"many/f119", b"deep/d/d/d", b"deep/" + b"d/" * 30 + b"bottom",
    *(b"names/" + name for name in NAMES),
)  # fmt: skip
FOLDERS = (
    b"", b"dir", b"dir/sub", b"emptydir", b"nested", b"nested/sub", b"deep", b"noexec", b"noread", b"shut", b"names",
    b"many", b"links",
)  # fmt: skip
ALIASES = tuple(b"links/" + name.encode() for name in LINKS) + tuple(b"links/c%d" % n for n in (1, 2, 38, 39, 40, 41))
FOLDER_ALIASES = (
    b"links/dir", b"links/up", b"links/self", b"links/abs-dir", b"links/slash", b"links/other", b"links/out-dir",
    b"links/cwd", b"links/fd", b"links/shut", b"links/dots", b"links/longest", b"links/cvmfs", b"links/root",
)  # fmt: skip
OWN = (
    b"own", b"locked", b"run", b"odir", b"odir/inner", b"odir/deep", b"olink", b"dlink", b"odead", b"oloop", b"oabs",
    b"ofifo", b"closed", b"closed/in", b"new", b"odir/new", b"new2", b"new/below",
)  # fmt: skip
OWN_INTO = (b"sw", b"swdir", b"swrel", b"swtop", b"swback", b"swdead", b"swfile")
HOST = (
    b"/outside/include/stdio.h", b"/outside/include", b"/dev/null", b"/outside/file", b"/outside", b"/no/such",
    b"/proc/self",
)  # fmt: skip
MISSING = (b"missing", b"missing/x", b"dir/missing", b"file/x", b"file/.", b"file/..", b"links/missing", b"x" * 256)
MAGIC = (b"/proc/self/fd/%d", b"/dev/fd/%d", b"/proc/thread-self/fd/%d")


def _inside(r: Random) -> bytes:
    """A relative name in the main tree."""
    kind = r.random()
    if kind < 0.38:
        return r.choice(LEAVES)
    if kind < 0.58:
        return r.choice(FOLDERS)
    if kind < 0.78:
        return r.choice(ALIASES)
    if kind < 0.9:
        return (
            r.choice(FOLDER_ALIASES) + b"/" + r.choice((*LEAVES[:24], *FOLDERS, b"stdio.h", b"sub", b"leaf", b"file"))
        )
    return r.choice(MISSING)


def _other(r: Random) -> bytes:
    return r.choice(
        (b"", b"file", b"links", b"links/back", b"links/back/file", b"links/self/file", b"links/there", b"no")
    )


def _top(r: Random) -> bytes:
    return b"/cvmfs" + r.choice((b"", b"/", b"/.", b"/..", b"/no.such.test", b"/no.such.test/x", b"/x" * 3))


def _own(r: Random) -> bytes:
    kind = r.random()
    if kind < 0.5:
        return r.choice(OWN)
    if kind < 0.7:
        return r.choice(OWN_INTO)
    if kind < 0.95:
        return (
            r.choice(OWN_INTO[:5]) + b"/" + r.choice((*LEAVES, *FOLDERS, *ALIASES, b"file", b"sub/leaf", NAME.encode()))
        )
    return b"../" * r.randrange(1, 9) + b"cvmfs/" + r.choice((NAME, OTHER)).encode() + b"/file"


def _magic(r: Random) -> bytes:
    if r.random() < 0.5:
        base = r.choice(MAGIC) % r.randrange(3, 7)
    else:
        base = r.choice((b"/proc/self/cwd", b"/proc/thread-self/cwd", b"/proc/self/root", b"/proc/self/exe"))
    if r.random() < 0.5:
        return base
    return base + b"/" + r.choice((_inside, _own, _other))(r)


def absolute(r: Random) -> bytes:
    """An absolute path."""
    kind = r.random()
    if kind < 0.66:
        return R + b"/" + _inside(r)
    if kind < 0.75:
        return OTHER_R + b"/" + _other(r)
    if kind < 0.82:
        return _top(r)
    if kind < 0.92:
        return _magic(r)
    return r.choice(HOST)


def relative(r: Random) -> bytes:
    """A path that is relative to a directory of the tree, or to one of the job's own."""
    kind = r.random()
    if kind < 0.5:
        return _inside(r)
    if kind < 0.85:
        return _own(r)
    if kind < 0.95:
        return r.choice((b".", b"..", b"", b"../..", b"../file", b"./.", b"sub", b"file", b"leaf", b"inside"))
    return _other(r)


def own(r: Random) -> bytes:
    """A name in the scratch directory, mostly."""
    return r.choice(OWN) if r.random() < 0.8 else _own(r)


def _insert(r: Random, path: bytes, what: bytes) -> bytes:
    places = [i for i, c in enumerate(path) if c == 47]
    if not places:
        return what.lstrip(b"/") + b"/" + path if r.random() < 0.5 else path + what
    at = r.choice(places)
    return path[:at] + what + path[at:]


def _pad(r: Random, path: bytes) -> bytes:
    """A path of nearly PATH_MAX, or a little more, that means the same."""
    wanted = r.choice((4094, 4095, 4096, 4097, 4095))
    first, slash, rest = path.partition(b"/")
    missing = wanted - len(path)
    if not slash or missing < 0:
        return path
    filler = b"./" * (missing // 2)
    return first + b"/" * (missing % 2) + slash + filler + rest


def spoil(r: Random, path: bytes) -> bytes:
    """The same path written in another way, or a little wrong."""
    change: Callable[[], bytes] = r.choice((
        lambda: path + b"/", lambda: path + b"/.", lambda: path + b"/..", lambda: path + b"//",
        lambda: path + b"/x", lambda: path + b"/" + b"n" * r.choice((255, 256)), lambda: _insert(r, path, b"/"),
        lambda: _insert(r, path, b"/."), lambda: _insert(r, path, b"/.."), lambda: _insert(r, path, b"/dir/.."),
        lambda: _insert(r, path, b"/links/up"), lambda: _insert(r, path, b"/links/self"), lambda: _pad(r, path),
        lambda: _insert(r, path, b"/no/.."), lambda: path[: r.randrange(len(path) + 1)], lambda: path + b"/../" + path,
        lambda: b"//" + path.lstrip(b"/") if path[:1] == b"/" else b"./" + path, lambda: path.upper(),
        lambda: path + b"\n", lambda: b"/proc/self/cwd/" + path.lstrip(b"/"), lambda: path + b"\xff",
    ))  # fmt: skip
    return change()


def path(r: Random) -> bytes:
    """Any path."""
    made = absolute(r) if r.random() < 0.55 else relative(r)
    while r.random() < 0.22:
        made = spoil(r, made)
    return made[:4200]
