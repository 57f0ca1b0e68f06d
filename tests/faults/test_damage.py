"""Bytes that are not what was signed: EIO for the job, a line in the log, a clean cache, no harm once it is over."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import BIG, NAME, Damage
from tests.support.httpd import Fault

MakeDamage = Callable[..., Damage]

OBJECTS = {
    "manifest": ("*/.cvmfspublished", "file"),
    "whitelist": ("*/.cvmfswhitelist", "file"),
    "certificate": ("*/data/*X", "file"),
    "catalog": ("*/data/*C", "file"),
    "file": ("*/data/*[0-9a-f]", "file"),
    "chunk": ("*/data/*P", "big"),
}
CONTENT = {"file": b"content\n", "big": BIG}

FAULTS = {
    "flipped at the start": Fault(flip=0),
    "flipped inside": Fault(flip=40),
    "flipped at the end": Fault(flip=-1),
    "truncated": Fault(truncate=7),
    "cut short in good order": Fault(body=b"short"),
    "nothing": Fault(body=b""),
    "another text": Fault(body=b"<html>Please log in to the network</html>" * 20),
    "server error": Fault(status=500, body=b"oops"),
    "dropped": Fault(drop=True),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("what", OBJECTS)
def test_a_damaged_answer(damage: MakeDamage, what: str, fault: str) -> None:
    place = damage()
    pattern, path = OBJECTS[what]
    place.site.server.fault(pattern, FAULTS[fault])
    place.refused(path, "127.0.0.1")
    place.heals(path, CONTENT[path])


@pytest.mark.parametrize("what", ["certificate", "catalog", "file", "chunk"])
def test_a_passing_fault_is_overcome(damage: MakeDamage, what: str) -> None:
    place = damage()
    pattern, path = OBJECTS[what]
    place.site.server.fault(pattern, Fault(flip=0), times=1)
    assert place.read(path).expect().stdout == CONTENT[path]


def test_a_missing_object_is_no_missing_file(damage: MakeDamage) -> None:
    place = damage()
    place.site.server.fault("*/data/*[0-9a-f]", Fault(status=404))
    place.refused("file", "127.0.0.1")
    place.heals()


def test_one_bad_chunk_spoils_the_whole_file(damage: MakeDamage) -> None:
    place = damage()
    chunks = sorted(path for path in (place.directory / "data").rglob("*P"))
    assert len(chunks) >= 1
    place.site.server.fault(f"*{chunks[-1].parent.name}/{chunks[-1].name}", Fault(flip=5))
    place.refused("big", "127.0.0.1")
    assert place.read("file").expect().stdout == b"content\n"
    place.heals("big", BIG)


def test_a_bad_nested_catalog_harms_only_what_is_below(damage: MakeDamage) -> None:
    place = damage()
    assert place.read("file").expect().stdout == b"content\n"
    known = place.site.server.requests[:]
    nested = [path for path in (place.directory / "data").rglob("*C") if not any(path.name in r for r in known)]
    assert len(nested) == 1
    place.site.server.fault(f"*/{nested[0].name}", Fault(flip=30))
    place.refused("nested/inner", "127.0.0.1")
    told = place.run.run(["ls", f"/cvmfs/{NAME}"]).expect()
    assert told.stdout.split() == [b"big", b"file", b"link", b"nested", b"other"]
    place.heals("nested/inner", b"inner content\n")


def test_a_bomb_of_zeros_fills_nothing(damage: MakeDamage) -> None:
    place = damage()
    place.site.server.fault("*/data/*[0-9a-f]", Fault(body=zlib.compress(bytes(300 << 20), 9)))
    place.refused("file", "127.0.0.1")
    assert _bytes_below(place.run.tempdir) < 100 << 20
    place.heals()


def _bytes_below(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def test_damage_in_the_cache_itself_is_noticed(damage: MakeDamage) -> None:
    """A cached object that lost bytes (a crash of the machine) counts as absent and is fetched again."""
    place = damage()
    assert place.read("file").expect().stdout == b"content\n"
    cached = [path for path in place.run.cache.rglob("*") if path.is_file() and path.read_bytes() == b"content\n"]
    assert len(cached) == 1
    cached[0].chmod(0o644)
    cached[0].write_bytes(b"con")
    assert place.read("file").expect().stdout == b"content\n"
