"""The header lines of a request (section 7.2 of the format document)."""

from __future__ import annotations

import os
from collections.abc import Mapping

from parrot_py import __version__
from parrot_py.config.model import RepositoryConfig

NO_CACHE: Mapping[str, str] = {"Pragma": "no-cache", "Cache-Control": "no-cache"}
"""What passes a request by all caches on the way."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:.@+-_~[],")
_TRACING_LIMIT = 1000


def common(config: RepositoryConfig) -> dict[str, str]:
    """What every request of a repository carries.

    No ``Accept-Encoding``: bodies are hashed as they were stored, so no encoding may be negotiated.
    """
    agent = f"cvmfs libcvmfs 2.12.0 parrot_py/{__version__}"
    if config.uuid:
        agent += f" {_clean(config.uuid)}"
    headers = {"User-Agent": agent, "Accept": "*/*", "Connection": "Keep-Alive"}
    if config.http_tracing:
        headers |= _tracing(config.http_tracing_headers)
    return headers


def info(path: bytes) -> dict[str, str]:
    """The header that tells what the request is for: *path* in the repository, escaped as in URLs."""
    return {"cvmfs-info": escaped(path)}


def escaped(path: bytes) -> str:
    """*path* for a URL: everything but letters, digits and ``/:.@+-_~[],`` as ``%XX``."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in path)


def _tracing(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """``X-CVMFS-PID`` and so on, of this process (one user's), then the configured pairs as far as they are allowed."""
    headers = {"X-CVMFS-PID": str(os.getpid()), "X-CVMFS-GID": str(os.getgid()), "X-CVMFS-UID": str(os.getuid())}
    length = 0
    for key, value in pairs:
        length += len(key) + len(value) + 2
        if key.isascii() and key.isalnum() and length <= _TRACING_LIMIT:
            headers[f"X-CVMFS-{key}"] = _clean(value)
    return headers


def _clean(text: str) -> str:
    """*text* as it may stand in a header: printable ASCII only."""
    return "".join(char if " " <= char <= "~" else "_" for char in text)
