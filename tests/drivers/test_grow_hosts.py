"""Exports of GROW-FS that are found on the way to what a job names."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

from parrot_py.drivers.grow.hosts import GrowHosts
from tests.drivers.contract import expect_errno
from tests.drivers.test_grow import Site, site
from tests.support.httpd import Fault
from tests.support.processes import eventually

__all__ = ["site"]


def test_exports_that_are_found_at_the_same_time_have_inodes_of_their_own(site: Site) -> None:
    """One is still being asked for while another place turns out to be none, and a third one to be an export."""
    top = b"/" + site.server.url.partition("://")[2].encode()
    site.server.mounts["/late"] = site.tree
    none, late = threading.Event(), threading.Event()
    hosts = GrowHosts(site.config())

    def ask(name: str, hold: threading.Event, look: Callable[[], object]) -> threading.Thread:
        site.server.fault(f"/{name}/*", Fault(hold=hold))
        asking = threading.Thread(target=look)
        asking.start()
        eventually(lambda: site.server.count(f"/{name}/*") > 0, what=f"the question for {name}")
        return asking

    threads = [
        ask("none", none, lambda: expect_errno(errno.ENOENT, lambda: hosts.lookup(top + b"/none"))),
        ask("late", late, lambda: hosts.lookup(top + b"/late")),
    ]
    for hold, thread in zip((none, late), threads):
        hold.set()
        thread.join(60)
        hosts.lookup(top + b"/sw")
    first, second = (hosts.lookup(top + name) for name in (b"/sw", b"/late"))
    assert first.ino != second.ino
    hosts.close()
