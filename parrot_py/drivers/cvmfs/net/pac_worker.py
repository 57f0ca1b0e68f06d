"""Evaluates a PAC file.  Runs in a process of its own, which may be killed at any time."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

MEMORY = 64 << 20
CPU_SECONDS = 5
_LONGEST = 4096


def answer(script: str, urls: Sequence[str]) -> dict[str, Any]:
    """``results`` of ``FindProxyForURL`` for each of *urls*, or an ``error`` in one line."""
    try:
        from pypac.parser import MalformedPacError, PACFile
    except ImportError as error:
        return {"error": f"proxy auto-configuration needs the packages pypac and dukpy ({error})"}
    _limit()
    try:
        file = PACFile(script)
        results = [file.find_proxy_for_url(url, urlsplit(url).hostname or "") for url in urls]
    except MemoryError:
        return {"error": "the script took more memory than it may"}
    except MalformedPacError as error:
        return {"error": f"not a PAC file: {_line(getattr(error, 'original_exc', None) or error)}"}
    except Exception as error:  # noqa: BLE001 - a script can make its interpreter fail in any way
        return {"error": f"the script failed: {_line(error)}"}
    return {"results": [str(result or "")[:_LONGEST] for result in results]}


def _limit() -> None:
    """Take from this process what a script has no use for: endless time, much memory, files, processes."""
    # What is mapped so far (the interpreter and its libraries) is not the script's doing.
    with open("/proc/self/statm", "rb") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    for kind, limit in (
        (resource.RLIMIT_AS, mapped + MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (least, least))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
