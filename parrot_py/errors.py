"""The exceptions a caller of parrot_py may see.

Drivers and handlers speak in ``OSError`` with an errno: that is what the job gets.  Everything that a
person must act on derives from :class:`ParrotError`.
"""

from __future__ import annotations


class ParrotError(Exception):
    """Root of the errors that parrot_py raises for people; ``str()`` is one clear line with its remedy."""


class ConfigError(ParrotError):
    """A command line, an environment variable or a file that says something we cannot obey."""


class EngineError(ParrotError):
    """The engine cannot run here (tracing forbidden, no memory …) or found itself in an impossible state."""


class Unreachable(OSError):
    """EIO, known to be because no server or proxy answered and the cache does not have it either."""


class Untrusted(OSError):
    """EIO, known to be because what servers answered does not prove itself: signature, whitelist, blacklist."""
