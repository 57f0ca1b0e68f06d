"""Opening the trigger of a bundle fetches what the bundle lists, and waits for none of it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable

import pytest

from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import CHUNKED, DIR, Row
from tests.drivers.cvmfs.waiting import Open, content, each_once, opened, read, settle
from tests.support.httpd import Fault

__all__ = ["opened"]

CHUNK = 1000


def bundle(*paths: str) -> bytes:
    return json.dumps({"name": "CVMFS_BUNDLE", "version": "1.0.0", "dependencies": list(paths)}).encode()


@pytest.fixture
def bundled(forged: Forged) -> Callable[[bytes], Forged]:
    """A trigger with the bundle document that is given, and files to name in it."""

    def make(document: bytes) -> Forged:
        files = [forged.forge.file(b"/f%d" % n, content(n)) for n in range(5)]
        parts = [os.urandom(CHUNK) for _ in range(3)]
        chunks = [(b"/big", n * CHUNK, CHUNK, forged.forge.store(part, "P").digest) for n, part in enumerate(parts)]
        big = Row(b"/big", CHUNKED, size=3 * CHUNK)
        trigger = forged.forge.file(b"/bin/run", b"#!/bin/true\n")
        told = forged.forge.file(b"/bin/.cvmfsbundle-run", document)
        forged.forge.publish([Row(b"/bin", DIR), trigger, told, *files, big], chunks=chunks)
        return forged

    return make


def test_opening_the_trigger_fetches_its_bundle(bundled: Callable[[bytes], Forged], opened: Open) -> None:
    many = bundled(bundle("/f0", "/f1", "/nowhere", "/big", "/f2"))
    driver = opened(many.config())
    assert read(driver, b"/bin/run") == b"#!/bin/true\n"
    settle()
    assert many.server.count("*P") == 3
    many.server.stop()
    assert [read(driver, b"/f%d" % n) for n in range(3)] == [content(n) for n in range(3)]
    assert len(read(driver, b"/big")) == 3 * CHUNK
    assert each_once(many)


def test_the_open_of_a_trigger_does_not_wait_for_the_bundle(bundled: Callable[[bytes], Forged], opened: Open) -> None:
    many = bundled(bundle("/f0", "/f1"))
    hold = threading.Event()
    many.server.fault("*/data/*", Fault(hold=hold))
    for name in ("*C", "*X", many.object(b"#!/bin/true\n")):
        many.server.fault(name, Fault())
    driver = opened(many.config())
    assert read(driver, b"/bin/run") == b"#!/bin/true\n"
    hold.set()
    settle()


@pytest.mark.parametrize("document", [b"{", b"", bundle("/f0")[:-3], b'{"dependencies": 5}', b"\xff" * 100])
def test_a_broken_bundle_is_ignored(
    bundled: Callable[[bytes], Forged], opened: Open, document: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    many = bundled(document)
    driver = opened(many.config())
    assert read(driver, b"/bin/run") == b"#!/bin/true\n"
    settle()
    assert many.asked_for(content(0)) == 0
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert read(driver, b"/f0") == content(0)


def test_a_bundle_that_is_switched_off_is_not_looked_for(bundled: Callable[[bytes], Forged], opened: Open) -> None:
    many = bundled(bundle("/f0"))
    driver = opened(many.config(prefetch_bundles=False))
    assert read(driver, b"/bin/run") == b"#!/bin/true\n"
    settle()
    assert many.asked_for(bundle("/f0")) == 0


def test_in_a_part_of_a_repository_only_what_lies_in_it(forged: Forged, opened: Open) -> None:
    inside, outside = forged.forge.file(b"/sub/f", b"inside"), forged.forge.file(b"/g", b"outside")
    trigger = forged.forge.file(b"/sub/run", b"run")
    told = forged.forge.file(b"/sub/.cvmfsbundle-run", bundle("/sub/f", "/g", "/subway"))
    forged.forge.publish([Row(b"/sub", DIR), inside, outside, trigger, told])
    driver = opened(forged.config(subpath=b"/sub"))
    assert read(driver, b"/run") == b"run"
    settle()
    assert forged.asked_for(b"inside") == 1
    assert forged.asked_for(b"outside") == 0


def test_what_is_fetched_ahead_triggers_nothing(forged: Forged, opened: Open) -> None:
    rows = [
        forged.forge.file(b"/a", b"a"),
        forged.forge.file(b"/b", b"b"),
        forged.forge.file(b"/c", b"c"),
        forged.forge.file(b"/.cvmfsbundle-a", bundle("/b")),
        forged.forge.file(b"/.cvmfsbundle-b", bundle("/c")),
    ]
    forged.forge.publish(rows)
    driver = opened(forged.config())
    assert read(driver, b"/a") == b"a"
    settle()
    assert forged.asked_for(b"b") == 1
    assert forged.asked_for(b"c") == 0
