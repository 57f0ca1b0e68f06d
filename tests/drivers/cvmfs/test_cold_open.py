"""The first access to a repository on a slow network: what can be asked for at the same time is."""

from __future__ import annotations

import os
import threading
import time
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.trouble import refused
from tests.drivers.cvmfs.truth import BASIC
from tests.support.httpd import Fault
from tests.support.processes import eventually

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture
DELAY = 1.0


def left_over(forged: Forged) -> list[str]:
    return os.listdir(forged.cache / "txn")


@pytest.mark.serial
def test_the_first_listing_takes_two_answers(site: Site, opened: Open) -> None:
    # What is imported at the first use of this process has been, after this.
    opened(site.config(BASIC, cache_dir=site.cache / "other")).lookup(b"")
    site.server.fault("*", Fault(delay=DELAY))
    repository = opened(site.config(BASIC))
    began = time.monotonic()
    assert repository.listdir(repository.lookup(b""))
    assert 2 * DELAY <= time.monotonic() - began < 3 * DELAY
    assert site.server.count("*C") == 2


def test_a_catalog_that_is_not_proven_is_not_kept(forged: Forged, opened: Open, caplog: Log) -> None:
    root = forged.forge.publish([forged.forge.file(b"/a", b"A")])
    forged.forge.manifest(root, signer="somebody")
    asked = threading.Event()  # the proof waits until the catalog is on its way

    def release() -> None:
        eventually(lambda: forged.server.count("*C") == 1, what="the request for the catalog")
        asked.set()

    forged.server.fault("*X", Fault(hold=asked))
    watcher = threading.Thread(target=release)
    watcher.start()
    refused(caplog, lambda: opened(forged.config()).lookup(b""), "not signed by the repository's certificate")
    watcher.join()
    assert asked.is_set()
    assert forged.cached() == set()
    assert left_over(forged) == []


def test_who_is_not_trusted_cannot_make_us_wait_for_a_catalog(forged: Forged, opened: Open, caplog: Log) -> None:
    root = forged.forge.publish([forged.forge.file(b"/a", b"A")])
    forged.forge.whitelist(signer="somebody")
    forged.server.fault(f"*{str(root)[2:]}C", Fault(trickle=0.02))
    began = time.monotonic()
    refused(caplog, lambda: opened(forged.config()).lookup(b""), "not signed by any")
    assert time.monotonic() - began < 30
    assert forged.cached() == set()
    assert left_over(forged) == []


@pytest.mark.parametrize("fault", [Fault(flip=9), Fault(status=404), Fault(drop=True)])
def test_a_bad_root_catalog_is_one_line(forged: Forged, opened: Open, caplog: Log, fault: Fault) -> None:
    forged.forge.publish([forged.forge.file(b"/a", b"A")])
    forged.server.fault("*C", fault)
    refused(caplog, lambda: opened(forged.config()).lookup(b""), r"object data/\S+C: ")
    forged.server.heal()
    assert opened(forged.config()).read(b"/a") == b"A"


def test_a_bad_whitelist_is_one_line(forged: Forged, opened: Open, caplog: Log) -> None:
    forged.forge.publish([forged.forge.file(b"/a", b"A")])
    forged.server.fault("*/.cvmfswhitelist", Fault(status=500))
    refused(caplog, lambda: opened(forged.config(max_retries=0)).lookup(b""), r"file \.cvmfswhitelist: status 500")
    forged.server.heal()
    assert opened(forged.config()).read(b"/a") == b"A"
