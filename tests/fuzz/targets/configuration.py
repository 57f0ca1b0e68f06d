"""What users and sites write: repository lists, proxies, values."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from parrot_py.config import grammar, mountlist, proxies, values
from parrot_py.errors import ConfigError
from tests.fuzz.target import Target

_READERS: tuple[Callable[[str], object], ...] = (
    lambda text: [str(entry) for entry in grammar.entries(text)],
    grammar.options,
    lambda text: proxies.parse(text, "fuzz", {"http_proxy": text}),
    lambda text: proxies.proxy(text, "fuzz"),
    lambda text: values.seconds(text, "fuzz"),
    lambda text: values.size(text, "fuzz"),
    lambda text: mountlist.redirection(text, "fuzz"),
    lambda text: values.debug_flags([text], "fuzz"),
    lambda text: values.absolute(text, "fuzz", "/home"),
)


def check(data: bytes) -> None:
    """Every reader gets the text.  It reads it or says in one short line what is wrong."""
    text = data.decode("utf-8", "surrogateescape")
    for read in _READERS:
        with suppress(ConfigError):
            read(text)


TARGET = Target(
    check, 1024, (b"*", b"\\,", b"url=", b"http://", b"DIRECT", b"auto", b"|", b";", b"<default-repositories>")
)
