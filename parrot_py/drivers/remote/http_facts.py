"""What the answers of a web server say about a file: errno, identity, age (section 2.5 of the interface document)."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.remote.source import FILE, Fact, text


def errno_of(status: int) -> int:
    """The errno for an answer with *status*: the original's table, with 5xx as what they are, trouble of the server."""
    if 300 <= status < 400:
        return errno.EBUSY
    table = {401: errno.EACCES, 402: errno.EACCES, 403: errno.EACCES, 404: errno.ENOENT, 407: errno.EACCES}
    table.update({408: errno.ETIMEDOUT, 409: errno.ENOENT, 410: errno.ENOENT, 414: errno.ENAMETOOLONG})
    table.update({429: errno.EBUSY})
    return table.get(status, errno.EINVAL if status < 500 else errno.EIO)


def check(status: int, path: bytes) -> None:
    """Raise what *status* means unless it is good: facts as OSError, trouble as Failure."""
    if 200 <= status < 300:
        return
    code = errno_of(status)
    if code in (errno.ENOENT, errno.EACCES, errno.ENAMETOOLONG):
        raise OSError(code, os.strerror(code), path)
    raise Failure(f"{text(path)}: the server answers with status {status}", code)


def conditions(fact: Fact | None) -> dict[str, str]:
    """The headers that ask whether *fact* is still true."""
    tags = dict(line.split("=", 1) for line in (fact.identity if fact else b"").decode().split("\n") if line)
    names = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
    return {names[key]: value for key, value in tags.items()}


def identity(headers: Mapping[str, str]) -> bytes:
    """What tells versions of a file apart."""
    return "\n".join(f"{key}={headers[key]}" for key in ("ETag", "Last-Modified") if key in headers).encode()


def strong(identity: bytes) -> str:
    """What If-Range can be asked with: a strong entity tag, ``""`` where there is none."""
    tag = conditions(Fact(FILE, identity=identity)).get("If-None-Match", "")
    return "" if tag.startswith("W/") else tag


def lasts(headers: Mapping[str, str]) -> float | None:
    """How long an answer may be believed (RFC 9111): ``max-age`` less its age; None where the server says nothing."""
    control = headers.get("Cache-Control", "").lower()
    if "no-store" in control or "no-cache" in control:
        return 0.0
    found = re.search(r"max-age=(\d+)", control)
    if found is None:
        return None
    age = headers.get("Age", "0")
    return max(0.0, float(found.group(1)) - (float(age) if age.isdecimal() else 0.0))


def date(text: str | None) -> int | None:
    """The date *text* of a header in nanoseconds; None for one that is none."""
    try:
        return int(parsedate_to_datetime(text or "").timestamp()) * 10**9
    except (ValueError, TypeError, IndexError):
        return None
