"""The exceptions a caller of parrot_py may see.

Drivers and handlers speak in ``OSError`` with an errno: that is what the job gets.  Everything that a
person must act on derives from :class:`ParrotError`.
"""

from __future__ import annotations

import errno

from parrot_py import codes
from parrot_py.codes import Code


class ParrotError(Exception):
    """Root of the errors that parrot_py raises for people; ``str()`` is one clear line with its remedy.

    ``code`` is what the line ends in where it is shown, one of codes.py.
    """

    def __init__(self, text: str, code: Code) -> None:
        super().__init__(text)
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        # Exception's own would make it anew from the text alone.
        return type(self), (str(self), self.code)


class ConfigError(ParrotError):
    """A command line, an environment variable or a file that says something we cannot obey."""


class EngineError(ParrotError):
    """The engine cannot run here (tracing forbidden, no memory …) or found itself in an impossible state."""


class Told(OSError):
    """EIO, and why is in the log already."""


class Unreachable(Told):
    """EIO, known to be because no server or proxy answered and the cache does not have it either."""


class Untrusted(Told):
    """EIO, known to be because what servers answered does not prove itself: signature, whitelist, blacklist."""


_CODES = {
    errno.EIO: codes.DAMAGED,
    errno.ENOSPC: codes.DISK_FULL,
    errno.EFBIG: codes.FILE_LIMIT,
}
_LABEL = "parrot_code"
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.ENODATA)


def labelled(error: OSError, code: Code) -> OSError:
    """*error*, which is about *code* when it is shown to a person."""
    setattr(error, _LABEL, code)
    return error


def code_of(error: ParrotError | OSError) -> Code:
    """The code of *error*: its own, or for an OSError about a repository the one that its kind has."""
    if isinstance(error, ParrotError):
        return error.code
    own = getattr(error, _LABEL, None)
    if isinstance(own, Code):
        return own
    if isinstance(error, (Unreachable, Untrusted)):
        return codes.UNREACHABLE if isinstance(error, Unreachable) else codes.UNTRUSTED
    if error.errno in _NOT_THERE:
        return codes.NOT_FOUND
    return _CODES.get(error.errno or 0, codes.LOCAL_FILE)
