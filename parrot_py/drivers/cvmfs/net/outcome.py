"""How one transfer can fail, and who is to blame for it (section 7.4 of the format document)."""

from __future__ import annotations

from collections.abc import Mapping

RESOLVE, CONNECT, SLOW, SHORT = "resolve", "connect", "slow", "short"
HTTP, NOT_FOUND, BAD_DATA = "http", "not found", "bad data"

BROKEN = (CONNECT, SLOW, SHORT)
"""What may go well when it is tried again a little later."""

REDIRECTS = (301, 302, 303, 307)


class TransferError(Exception):
    """A transfer failed; ``kind`` is one of the constants above, ``proxy`` says that the proxy is to blame."""

    def __init__(self, kind: str, reason: str, *, proxy: bool = False) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.proxy = kind, reason, proxy


def refusal(status: int, phrase: str, headers: Mapping[str, str], *, proxied: bool) -> TransferError:
    """What an answer with a *status* outside 200 … 299 means.

    400, 404 and 5xx are the server's word, unless a header says that the proxy made the answer up: squid answers 503
    for a server that it cannot reach.  Redirections that are not followed are the server's, too.  429 is like a
    connection that was refused: it may go well a little later.  Anything else is what a proxy answers on its own.
    """
    servers_word = status in (400, 404, 429) or status >= 500 or status in REDIRECTS
    blamed = proxied and (not servers_word or _proxy_says(headers))
    kind = NOT_FOUND if status == 404 and not blamed else CONNECT if status == 429 else HTTP
    return TransferError(kind, f"status {status} {phrase}".rstrip(), proxy=blamed)


def _proxy_says(headers: Mapping[str, str]) -> bool:
    """Whether the proxy itself names an error (squid's own header, and RFC 9209)."""
    return "X-Squid-Error" in headers or "error=" in headers.get("Proxy-Status", "")
