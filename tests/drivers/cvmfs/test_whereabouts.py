"""A chunk that several chunked files have, or one file several times, is downloaded once."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.cache import whereabouts
from parrot_py.drivers.cvmfs.cache.local import Cache
from parrot_py.drivers.cvmfs.cache.stored import Stored
from parrot_py.drivers.cvmfs.cache.whereabouts import FOLDER, Place, Whereabouts
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import Algorithm, ContentHash
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import CHUNKED, Row
from tests.support.httpd import Fault
from tests.support.processes import eventually

Open = Callable[[RepositoryConfig], Repository]
PARTS = {name: random.Random(name).randbytes(3000 + ord(name)) for name in "abcs"}
FILES = {b"/thrice": "sasbs", b"/one": "sa", b"/two": "bs", b"/three": "cs"}


def content(path: bytes) -> bytes:
    return b"".join(PARTS[name] for name in FILES[path])


class Shared:
    """A repository whose files share chunks, named by letters."""

    def __init__(self, forged: Forged, **changes: Any) -> None:
        self.server, self.cache, self.forged = forged.server, forged.cache, forged
        self.config = forged.config(**changes)
        self.hashes = {name: forged.forge.store(data, "P") for name, data in PARTS.items()}
        rows, chunks = [], []
        for path, names in FILES.items():
            rows.append(Row(path, CHUNKED, size=len(content(path))))
            at = 0
            for name in names:
                chunks.append((path, at, len(PARTS[name]), self.hashes[name].digest))
                at += len(PARTS[name])
        forged.forge.publish(rows, chunks=chunks)

    def pattern(self, name: str) -> str:
        return f"*{self.hashes[name].object_path('P')}"

    def asked(self) -> str:
        """The chunks that were asked for, each as often as it was."""
        return "".join(name * self.server.count(self.pattern(name)) for name in sorted(PARTS))

    def process(self, *paths: str) -> subprocess.Popen[str]:
        """Another process that reads *paths*."""
        command = [sys.executable, "-m", "tests.drivers.cvmfs.reader", self.config.fqrn, self.config.urls[0]]
        return subprocess.Popen(
            [*command, str(self.config.public_keys[0]), str(self.cache), *paths],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def shared(forged: Forged) -> Shared:
    return Shared(forged)


def digests(*paths: bytes) -> list[str]:
    return [hashlib.sha256(content(path)).hexdigest() for path in paths]


def test_a_chunk_that_one_file_has_several_times(shared: Shared, opened: Open) -> None:
    shared.server.fault("*P", Fault(delay=0.02))
    assert opened(shared.config).read(b"/thrice") == content(b"/thrice")
    assert shared.asked() == "abs"


def test_files_one_after_the_other(shared: Shared, opened: Open) -> None:
    repository = opened(shared.config)
    for path in FILES:
        assert repository.read(path) == content(path)
    assert shared.asked() == "abcs"


def test_a_range_of_another_file(shared: Shared, opened: Open) -> None:
    repository = opened(shared.config)
    repository.read(b"/one")
    begin = len(PARTS["b"]) + 10
    assert repository.read(b"/two", begin, 100) == PARTS["s"][10:110]
    assert shared.asked() == "as"
    assert repository.read(b"/two") == content(b"/two")
    assert shared.asked() == "abs"


def test_an_alien_cache(forged: Forged, opened: Open) -> None:
    shared = Shared(forged, alien=True, workspace=forged.cache.parent / "workspace")
    repository = opened(shared.config)
    for path in FILES:
        assert repository.read(path) == content(path)
    assert shared.asked() == "abcs"


def test_files_at_the_same_time(shared: Shared, opened: Open) -> None:
    repository = opened(shared.config)
    shared.server.fault("*P", Fault(delay=0.05))
    got: dict[bytes, bytes] = {}
    threads = [threading.Thread(target=lambda path=path: got.update({path: repository.read(path)})) for path in FILES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {path: content(path) for path in FILES}
    assert shared.asked() == "abcs"


def test_another_process_later(shared: Shared, opened: Open) -> None:
    opened(shared.config).read(b"/one")
    with shared.process("/two", "/three") as other:
        assert other.communicate(timeout=60)[0].split() == digests(b"/two", b"/three")
    assert shared.asked() == "abcs"


def test_another_process_waits_for_a_chunk_and_not_for_the_file(shared: Shared, opened: Open) -> None:
    repository = opened(shared.config)
    first, last = threading.Event(), threading.Event()
    shared.server.fault(shared.pattern("s"), Fault(hold=first), times=1)
    shared.server.fault(shared.pattern("a"), Fault(hold=last), times=1)
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(repository.read(b"/one")))
    thread.start()
    try:
        eventually(lambda: shared.asked() == "as", what="the requests for both chunks")
        with shared.process("/two") as other:
            eventually(lambda: shared.asked() == "abs", what="the other process's request")
            time.sleep(0.2)  # in which it would ask for the other chunk
            first.set()
            assert other.communicate(timeout=60)[0].split() == digests(b"/two")
    finally:
        first.set()
        last.set()
        thread.join()
    assert got == [content(b"/one")]
    assert shared.asked() == "abs"


def test_who_waits_fetches_it_when_the_first_one_failed(shared: Shared, opened: Open) -> None:
    repository = opened(shared.config)
    shared.server.fault(shared.pattern("a"), Fault(status=404))
    with pytest.raises(OSError, match="Input/output"):
        repository.read(b"/one")
    assert repository.read(b"/two") == content(b"/two")


def test_a_file_that_was_evicted_or_cut_is_no_source(shared: Shared, opened: Open) -> None:
    repository = opened(shared.config)
    local = Path(repository.materialise(repository.lookup(b"/one")))
    local.unlink()
    assert repository.read(b"/two") == content(b"/two")
    assert shared.asked() == "abss"
    second = Path(repository.materialise(repository.lookup(b"/two")))
    second.chmod(0o644)
    os.truncate(second, 100)
    assert repository.read(b"/three") == content(b"/three")
    assert shared.asked() == "abcsss"


def test_who_does_not_trust_the_disk_copies_what_is_proven(forged: Forged, opened: Open) -> None:
    shared = Shared(forged, verify_on_read=True)
    repository = opened(shared.config)
    local = Path(repository.materialise(repository.lookup(b"/one")))
    assert repository.read(b"/two") == content(b"/two")
    assert shared.asked() == "abs"
    damaged = bytearray(content(b"/one"))
    damaged[100] ^= 1
    for path in (local, Path(repository.materialise(repository.lookup(b"/two")))):
        path.chmod(0o644)
        path.write_bytes(bytes(damaged) if path == local else bytes(len(content(b"/two"))))
    assert repository.read(b"/three") == content(b"/three")
    assert shared.asked() == "abcss"


@pytest.mark.parametrize("damage", [b"", b"\xff\x00 rubbish\n", b"{key} ../../etc/passwd 1 0 {size} x\n"])
def test_damaged_books_are_no_trouble(shared: Shared, opened: Open, damage: bytes) -> None:
    repository = opened(shared.config)
    repository.read(b"/one")
    key = shared.hashes["s"].cache_path()
    text = damage.replace(b"{key}", key.encode()).replace(b"{size}", b"%d" % len(PARTS["s"]))
    (shared.cache / FOLDER / key[:2]).write_bytes(text)
    assert repository.read(b"/two") == content(b"/two")
    assert shared.asked() == "abss"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everything")
def test_books_that_cannot_be_written_are_no_trouble(shared: Shared, opened: Open) -> None:
    (shared.cache / FOLDER).mkdir(mode=0o500, parents=True)
    repository = opened(shared.config)
    assert repository.read(b"/one") == content(b"/one")
    assert repository.read(b"/two") == content(b"/two")


def test_lines_about_what_is_gone_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whereabouts, "_TIDY_EVERY", 5000)
    cache = Cache(tmp_path)
    books = Whereabouts(cache)
    name, gone = "ab/" + "0" * 38 + "-chunked", "ab/" + "1" * 38 + "-chunked"
    with cache.transaction("x", name) as txn:
        txn.write(b"content")
        txn.commit(name)
    keys = [f"cd/{number:038x}" for number in range(200)]
    for key in keys:
        books.note(Place(key, name if key == keys[0] else gone, 7, 0, 7, "fetch.gone"))
    lines = (tmp_path / FOLDER / "cd").read_text().splitlines()
    assert len(lines) * len(lines[0]) < 5200
    assert lines[0].startswith(f"{keys[0]} {name} ")
    assert os.listdir(tmp_path / "txn") == []
    with cache.transaction("x") as txn:
        hash_ = ContentHash(Algorithm.SHA1, bytes.fromhex(keys[0].replace("/", "")))
        assert books.copy(hash_, Stored(COMPRESSION_ZLIB, 7, None), 7, txn.part(0))
        assert Path(txn.complete()).read_bytes() == b"content"
