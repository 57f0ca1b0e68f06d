"""Starting without a server, and never going back in time: what the breadcrumb is for."""

from __future__ import annotations

import os
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.trust.breadcrumb import Breadcrumb
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.trouble import refused
from tests.drivers.cvmfs.truth import BASIC
from tests.support.httpd import Fault

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture


def offline(site: Site) -> None:
    site.server.fault("*", Fault(drop=True))


def test_offline_with_everything_cached(site: Site, opened: Open, caplog: Log) -> None:
    first = opened(site.config(BASIC))
    want = {path: first.read(path) for path, inode in first.walk() if inode.is_regular}
    offline(site)
    caplog.clear()
    again = opened(site.config(BASIC, max_retries=0))
    assert {path: again.read(path) for path, inode in again.walk() if inode.is_regular} == want
    assert [r.getMessage() for r in caplog.records if "offline, showing revision 2" in r.getMessage()]
    assert again.revision == 2


def test_offline_misses_are_eio(site: Site, opened: Open, caplog: Log) -> None:
    opened(site.config(BASIC)).lookup(b"")
    offline(site)
    again = opened(site.config(BASIC, max_retries=0))
    inode = again.lookup(b"/README")
    refused(caplog, lambda: again.materialise(inode), "object data/")


def test_offline_needs_a_private_cache(site: Site, opened: Open, caplog: Log) -> None:
    opened(site.config(BASIC)).lookup(b"")
    offline(site)
    os.chmod(site.cache, 0o777)
    refused(caplog, lambda: opened(site.config(BASIC, max_retries=0)).lookup(b""), r"\.cvmfspublished")
    os.chmod(site.cache, 0o755)
    assert opened(site.config(BASIC, max_retries=0)).lookup(b"").is_dir


def test_a_wrong_answer_is_not_offline(site: Site, opened: Open, caplog: Log) -> None:
    opened(site.config(BASIC)).lookup(b"")
    site.server.fault("*/.cvmfspublished", Fault(flip=4))
    refused(caplog, lambda: opened(site.config(BASIC)).lookup(b""), r"\.cvmfspublished: hash of the text")


@pytest.mark.parametrize("crumb", ["", "nonsense", "0" * 40 + "T1R1", "f" * 40 + "T99R1", "1" * 39 + "T1"])
def test_bad_breadcrumbs_are_no_help_offline_and_no_harm_online(
    site: Site, opened: Open, caplog: Log, crumb: str
) -> None:
    site.cache.mkdir(mode=0o755)
    (site.cache / f"cvmfschecksum.{BASIC}").write_text(crumb)
    offline(site)
    refused(caplog, lambda: opened(site.config(BASIC, max_retries=0)).lookup(b""), r"\.cvmfspublished")
    site.server.heal()
    assert opened(site.config(BASIC)).lookup(b"").is_dir


def test_breadcrumb_text() -> None:
    text = b"b7a2" + b"0" * 36 + b"T1729238467R1234"
    crumb = Breadcrumb.parse(text)
    assert crumb is not None
    assert (crumb.timestamp, crumb.revision, str(crumb).encode()) == (1729238467, 1234, text)
    old = Breadcrumb.parse(text[:-5])
    assert old is not None
    assert old.revision == 0
    assert Breadcrumb.parse(None) is None


def publish(forged: Forged, revision: int) -> None:
    forged.forge.publish([forged.forge.file(b"/rev", b"%d" % revision)], revision=revision)


def test_revisions_never_go_backwards(forged: Forged, opened: Open, caplog: Log) -> None:
    publish(forged, 5)
    assert opened(forged.config()).read(b"/rev") == b"5"
    publish(forged, 4)
    caplog.clear()
    assert opened(forged.config()).read(b"/rev") == b"5"
    assert "shows revision 4, this cache has seen revision 5" in caplog.text
    crumb = (forged.cache / f"cvmfschecksum.{forged.forge.name}").read_text()
    assert crumb.endswith("R5")
    publish(forged, 6)
    assert opened(forged.config()).read(b"/rev") == b"6"
    assert (forged.cache / f"cvmfschecksum.{forged.forge.name}").read_text().endswith("R6")


def test_an_older_revision_without_the_newer_one_cached_is_eio(forged: Forged, opened: Open, caplog: Log) -> None:
    publish(forged, 5)
    root = opened(forged.config()).root_hash
    publish(forged, 4)
    (forged.cache / root[:2] / root[2:]).unlink()
    refused(caplog, lambda: opened(forged.config()).lookup(b""), "shows revision 4, this cache has seen revision 5")
