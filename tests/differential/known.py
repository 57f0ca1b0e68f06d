"""The one list of what may differ between a mounted tree and parrot_run, each with its reason.

A rule is asked about two lines that differ.  It takes out of both what it stands for; lines that are equal then are no
finding.  As few as possible: what a rule excuses is a line of docs/limits.md or follows from comparing with a tmpfs.
"""

from __future__ import annotations

import os
import re
from typing import Callable, NamedTuple

OURS = frozenset("ROC")
"""Names of the devices of the trees and of /cvmfs, as the interpreter prints them."""


class Line(NamedTuple):
    """A line that the interpreter wrote, taken apart: ``0 stat = 0 dev=R ino=1 …``."""

    call: str
    result: str
    words: tuple[str, ...]
    fields: dict[str, str]


class Rule(NamedTuple):
    """*without* gives a line without what may differ, or None when the rule is not about that line."""

    name: str
    reason: str
    without: Callable[[Line, str], str | None]


class Pair(NamedTuple):
    """*excuses* tells from both lines whether their difference is an intended one."""

    name: str
    reason: str
    excuses: Callable[[Line, Line], bool]


def parse(text: str) -> Line:
    """Take a line apart."""
    head, _, rest = text.partition(" = ")
    words = rest.split(" ")
    fields = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    return Line(head.split(" ", 2)[1] if " " in head else head, words[0], tuple(words[1:]), fields)


def _drop(*names: str) -> Callable[[Line, str], str | None]:
    pattern = re.compile(rf" (?:{'|'.join(names)})=[^ ]*")

    def without(line: Line, text: str) -> str | None:
        return pattern.sub("", text) if line.fields.get("dev") in OURS else None

    return without


def _directory(line: Line, text: str) -> str | None:
    if line.fields.get("dev") not in OURS or not line.fields.get("mode", "").startswith("40"):
        return None
    return re.sub(r" (?:size|nlink)=[^ ]*", "", text)


def _statfs(line: Line, text: str) -> str | None:
    if line.call not in ("statfs", "fstatfs") or line.result != "0":
        return None
    return re.sub(r" (?:type|bsize|frsize|flags)=[^ ]*", "", text)


def _proc(line: Line, text: str) -> str | None:
    return re.sub(r" (?:[amc]time|nlink)=[^ ]*", "", text) if line.fields.get("dev") == "P" else None


def _null(line: Line, text: str) -> str | None:
    return re.sub(r" [amc]time=[^ ]*", "", text) if line.fields.get("rdev") in ("103", "1:3") else None


def _cvmfs(line: Line, text: str) -> str | None:
    if line.fields.get("dev") != "C" or "mode" not in line.fields:
        return None
    return re.sub(r" (?:mtime|uid|gid|blksize)=[^ ]*", "", text)


def _root(line: Line, text: str) -> str | None:
    if line.fields.get("dev") == "T-top":
        return " ".join(sorted(word for word in line.words if not word.startswith("cvmfs,")))
    return re.sub(r" (?:size|nlink)=[^ ]*", "", text) if line.fields.get("dev") == "T" else None


def _attributes(line: Line, _text: str) -> str | None:
    if "listxattr" not in line.call or not line.words:
        return None
    names, *rest = line.words
    return " ".join([line.call, line.result, *sorted(names.split("%00")), *rest])


def _statx(line: Line, text: str) -> str | None:
    if line.call != "statx" or line.fields.get("dev") not in OURS:
        return None
    basic = int(line.fields["mask"], 16) & 0x7FF
    return re.sub(r" (?:mask|btime|attributes|attrmask|mount)=[^ ]*", "", text) + f" basic={basic:x}"


RULES = (
    Rule("blocks", "limits.md: st_blocks is computed, as the real client does", _drop("blocks")),
    Rule("times", "a repository has one time for each object: atime and ctime are its mtime", _drop("atime", "ctime")),
    Rule("directory size", "each file system has its own idea of the size and link count of a directory", _directory),
    Rule("statx", "limits.md: statx gives the basic fields and no more", _statx),
    Rule("statfs", "the native side is a tmpfs, ours says that it is FUSE, as the real client is", _statfs),
    Rule("attributes", "the order in which attributes are listed means nothing", _attributes),
    Rule("root", "only the native side has a directory /cvmfs in its root; ours is listed last", _root),
    Rule("proc", "how many processes there are, and since when, is told by /proc", _proc),
    Rule("null", "/dev/null is the machine's: others may touch it at any moment", _null),
    Rule("cvmfs", "/cvmfs itself is a directory of an automounter: its time and block size are its own", _cvmfs),
)


def _no_descriptor(native: Line, traced: Line) -> bool:
    return native.call.startswith(("open", "creat")) and native.result == "EMFILE" and traced.result.startswith("E")


def _top_listing(native: Line, traced: Line) -> bool:
    """The listings of the top of a repository, as far as both got."""
    if not native.call.startswith("getdents") or native.fields.get("dev") not in ("R-top", "O-top"):
        return False
    one, other = ([w for w in line.words[1:] if not w.startswith("..,")] for line in (native, traced))
    return all(a == b for a, b in zip(one, other))


def _shared_disk(native: Line, traced: Line) -> bool:
    return native.call == "copy_file_range" and native.result == "EXDEV" and traced.result.isdigit()


def _busy_script(native: Line, traced: Line) -> bool:
    return native.call == traced.call == "exec" and native.result == "ETXTBSY" and not traced.result


def _lent(native: Line, traced: Line) -> bool:
    answers = native.result == "ENOENT" and traced.result in ("EXDEV", "EEXIST", "EACCES", "ENOTDIR")
    return native.call == "linkat" and answers


def _reopened_link(native: Line, traced: Line) -> bool:
    if native.call != "fcntl" or not (native.result.isdigit() and traced.result.isdigit()):
        return False
    return int(native.result) | os.O_NOFOLLOW == int(traced.result) and bool(int(native.result) & os.O_PATH)


PAIRS = (
    Pair("copies", "limits.md: objects of the cache may lie on the file system that they are copied to", _shared_disk),
    Pair(
        "descriptors",
        "limits.md: open finds what is wrong with a path before it finds no descriptor free",
        _no_descriptor,
    ),
    Pair("busy", "limits.md: a native script for a program of ours starts while it is open for writing", _busy_script),
    Pair("lent", "limits.md: linkat by a descriptor that another process opened, out to a name of the host", _lent),
    Pair("reopened", "limits.md: a link opened by way of /proc/self/fd has O_NOFOLLOW among its flags", _reopened_link),
    Pair("top", "limits.md: the top of a repository lists no `..`, as in the real client", _top_listing),
)


def excused(native: str, traced: str) -> list[str] | None:
    """The names of the rules that explain why two lines differ; None when nothing does."""
    used = []
    for pair in PAIRS:
        if pair.excuses(parse(native), parse(traced)):
            return [pair.name]
    for rule in RULES:
        shorter = rule.without(parse(native), native), rule.without(parse(traced), traced)
        if shorter[0] is None or shorter[1] is None:
            continue
        if shorter != (native, traced):
            used.append(rule.name)
        native, traced = shorter[0], shorter[1]
        if native == traced:
            return used
    return None
