"""Exit statuses of ``parrot_cvmfs``, and which error means which."""

from __future__ import annotations

import errno
import os

from parrot_py.errors import ParrotError, Unreachable, Untrusted

OK, USAGE, UNREACHABLE, UNTRUSTED, NOT_FOUND, DAMAGED, LOCAL = range(7)
INTERRUPTED = 130

MEANINGS = {
    OK: "all is well",
    USAGE: "the command line or the configuration is wrong; nothing was done",
    UNREACHABLE: "no server or proxy answered, and the cache does not have it",
    UNTRUSTED: "what was answered is not proven: signature, whitelist, blacklist",
    NOT_FOUND: "there is no such path, tag or revision, or it is of another kind than the command needs",
    DAMAGED: "damaged data: in the cache (verify), or on all servers",
    LOCAL: "trouble on this machine: no space, no permission",
    INTERRUPTED: "interrupted from the keyboard (SIGINT)",
}
"""Exit status → meaning, for the manual."""

_KINDS = {
    USAGE: "usage",
    UNREACHABLE: "unreachable",
    UNTRUSTED: "untrusted",
    NOT_FOUND: "not-found",
    DAMAGED: "damaged",
    LOCAL: "local",
}
_WRONG_PLACE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.ENODATA)


class NotFound(ParrotError):
    """What was asked for does not exist in the repository."""


class LocalTrouble(ParrotError):
    """Something on this machine is in the way; ``str()`` names it."""


def of(error: Exception) -> int:
    """The exit status for *error*: a ParrotError, or an OSError about a repository."""
    if isinstance(error, Unreachable):
        return UNREACHABLE
    if isinstance(error, Untrusted):
        return UNTRUSTED
    if isinstance(error, NotFound):
        return NOT_FOUND
    if isinstance(error, LocalTrouble):
        return LOCAL
    if isinstance(error, OSError):
        return NOT_FOUND if error.errno in _WRONG_PLACE else DAMAGED if error.errno == errno.EIO else LOCAL
    return USAGE


def kind(status: int) -> str:
    """The word for *status* in JSON."""
    return _KINDS.get(status, "ok")


def line(error: Exception) -> str:
    """*error* in one line: what is concerned, and why."""
    if isinstance(error, OSError) and error.errno is not None:
        about = error.filename
        if isinstance(about, bytes):
            about = os.fsdecode(about) or "/"
        why = error.strerror or os.strerror(error.errno)
        # Trouble with a repository has its whole story in the place of the name.
        text = str(about) if error.errno == errno.EIO and about else f"{about}: {why}" if about is not None else why
    else:
        text = str(error)
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    r"""*text* for a terminal: what is no character there, or would do something, as ``\xNN``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
