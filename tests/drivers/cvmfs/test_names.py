"""One stored object, two meanings: what is handed out is what the catalog that asks means."""

from __future__ import annotations

import itertools
import os
import random
import zlib
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.hashes import ContentHash
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import CHUNKED, FILE, Row
from tests.drivers.cvmfs.trouble import refused
from tests.drivers.cvmfs.truth import SHAKE

Open = Callable[[RepositoryConfig], Repository]
NONE = 1 << 11


def ambiguous() -> bytes:
    """Content that is as long as its zlib stream, so that not even the size tells one from the other."""
    noise = random.Random(1).randbytes(100)
    return next(c for c in (noise + b"a" * n for n in itertools.count()) if len(zlib.compress(c)) == len(c))


CONTENT = ambiguous()
STORED = zlib.compress(CONTENT)
NAMES = {b"/inflated": CONTENT, b"/raw": STORED, b"/chunked": CONTENT, b"/chunked.raw": STORED}


@pytest.fixture
def both(forged: Forged) -> ContentHash:
    """A repository that means the same stored bytes in both ways, whole and as chunks."""
    forge, size = forged.forge, len(CONTENT)
    assert forge.store(CONTENT) == forge.store(CONTENT, "P")
    hash_ = forge.store(CONTENT)
    rows = [
        Row(b"/inflated", FILE, hash=hash_.digest, size=size),
        Row(b"/raw", FILE | NONE, hash=hash_.digest, size=size),
        Row(b"/odd", FILE | 3 * NONE, hash=hash_.digest, size=size),
        Row(b"/chunked", CHUNKED, size=size),
        Row(b"/chunked.raw", CHUNKED | NONE, size=size),
    ]
    forge.publish(rows, chunks=[(name, 0, size, hash_.digest) for name in (b"/chunked", b"/chunked.raw")])
    return hash_


@pytest.mark.parametrize("order", list(itertools.permutations(NAMES)))
def test_each_gets_its_meaning_in_any_order(
    forged: Forged, both: ContentHash, opened: Open, order: tuple[bytes, ...]
) -> None:
    assert both.digest
    for _ in range(2):
        repository = opened(forged.config())
        for name in order:
            assert repository.read(name) == NAMES[name], name
    # In each meaning the object is fetched once; a part is also found when the whole is there.
    assert 2 <= forged.server.count("*/data/*[0-9a-fP]") <= 4


def test_an_unknown_compression_never_finds_anything(
    forged: Forged, both: ContentHash, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    repository = opened(forged.config())
    for name in NAMES:
        repository.read(name)
    refused(caplog, lambda: repository.read(b"/odd"), f"object {both}: unknown compression 3")


def test_a_cache_of_the_real_client_is_used_after_a_look(site: Site, opened: Open) -> None:
    """It has uncompressed objects under the common name; what proves itself there need not be fetched."""
    first = opened(site.config(SHAKE))
    path = next(
        p
        for p, i in first.walk()
        if i.is_regular
        and i.size
        and first.getxattr(i, b"user.compression") == b"none"
        and first.getxattr(i, b"user.external_file") == b"0"
        and first.getxattr(i, b"user.chunks") == b"1"
    )
    content, local = first.read(path), first.materialise(first.lookup(path))
    assert local.endswith("-none")
    requests = len(site.server.requests)
    os.rename(local, local[: -len("-none")])
    assert first.read(path) == content
    assert os.path.exists(local)
    assert len(site.server.requests) == requests
    os.unlink(local)
    os.chmod(local[: -len("-none")], 0o644)
    with open(local[: -len("-none")], "r+b") as file:
        file.write(bytes([content[0] ^ 1]))
    assert first.read(path) == content
    assert len(site.server.requests) == requests + 1
