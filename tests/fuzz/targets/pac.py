"""Proxy auto-configuration: the script, what it returns, and the answer of a geo server."""

from __future__ import annotations

import zlib
from contextlib import suppress

from parrot_py.drivers.cvmfs.net import pac
from parrot_py.drivers.cvmfs.net.geo import Places
from tests.fuzz.target import Target

_PLACES = Places.of(("http://a.test/cvmfs", "http://b.test/cvmfs"), (), (("http://p.test:3128",),))
# A script runs in a process of its own, which takes a thousand times longer than everything else here.
_SELDOM, _PATIENCE = 97, 3.0


def check(data: bytes) -> None:
    """Proxies are proxies, an order is an order, and a script ends in time with a text or a PacError."""
    text = data.decode("utf-8", "replace")
    for group in pac.parse(text):
        assert group
        for proxy in group:
            assert proxy == "DIRECT" or proxy.startswith(("http://", "https://"))
            assert not set(proxy) & set(" ;|\n\0")
    order = _PLACES.parse(text)
    if order is not None:
        urls, groups = _PLACES.arranged(order)
        assert (len(urls), len(groups)) == (2, 1)
    if zlib.crc32(data) % _SELDOM == 0:
        with suppress(pac.PacError):
            (answer,) = pac.evaluate(text, ["http://a.test/cvmfs/x"], _PATIENCE)
            pac.parse(answer)


WORDS = (
    b"PROXY ",
    b"DIRECT",
    b"HTTPS ",
    b"SOCKS ",
    b"; ",
    b":3128",
    b"function FindProxyForURL(url, host) { return ",
    b"while(1);",
)
TARGET = Target(check, 2048, WORDS)
