"""What the built-in list says about a repository, as parameters."""

from __future__ import annotations

from collections.abc import Mapping

from parrot_py.config import domains
from parrot_py.config.kinds import truth
from parrot_py.config.settings import BUILT_IN, Setting, Settings

ORIGIN = "built-in list"


def settings(fqrn: str, above: Mapping[str, Setting], proxies: str) -> Settings:
    """Servers of *fqrn* and what the public configuration sets for them; nothing if *above* has servers.

    *proxies* is the text of the proxies in use: with exactly ``auto;DIRECT`` the public configuration chooses the
    content delivery network by itself.
    """
    known = domains.known(fqrn)
    server = above.get("CVMFS_SERVER_URL")
    if known is None or (server is not None and server.value):
        return {}
    wish = above.get("CVMFS_USE_CDN")
    chosen = truth(wish.value) if wish and wish.value else proxies == "auto;DIRECT"
    parameters = {
        "CVMFS_SERVER_URL": ";".join(known.cdn_urls if chosen and known.cdn_urls else known.urls),
        "CVMFS_EXTERNAL_URL": ";".join(known.external_urls),
        **dict(known.parameters),
    }
    return {
        name: Setting(value, ORIGIN, f"{ORIGIN}: {fqrn}: {name}", BUILT_IN)
        for name, value in parameters.items()
        if value
    }
