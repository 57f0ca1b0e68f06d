"""Only what changed is read again; and what changed is always noticed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.publish import tree as publish_tree
from parrot_py.drivers.cvmfs.publish import work as publish_work
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys, create_keys
from parrot_py.drivers.cvmfs.publish.publication import Published, PublishOptions, publish
from tests.drivers.publish_trees import SMALL_CHUNKS, assert_same, make_odd_tree
from tests.drivers.test_publish import FQRN, NOW, read

OPTIONS = PublishOptions(now=NOW, chunk_sizes=SMALL_CHUNKS)
LATER = time.time_ns() + 3600 * 10**9


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> RepositoryKeys:
    return create_keys(tmp_path_factory.mktemp("keys"), FQRN)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_odd_tree(tmp_path / "source")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The paths of the files that were read."""
    paths: list[bytes] = []
    real = publish_tree.opened

    def noting(entry: publish_tree.SourceEntry) -> AbstractContextManager[publish_tree.SourceFile]:
        paths.append(entry.path)
        return real(entry)

    monkeypatch.setattr(publish_work, "opened", noting)
    return paths


@pytest.fixture
def put(
    source: Path, tmp_path: Path, keys: RepositoryKeys, opened: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Published]:
    """Publishes an hour later than the files were made: those that have just changed are not remembered."""
    monkeypatch.setattr("parrot_py.drivers.cvmfs.publish.publication.time.time_ns", lambda: LATER)

    def put(**options: object) -> Published:
        opened.clear()
        return publish(source, tmp_path / "web", keys, replace(OPTIONS, **options))  # type: ignore[arg-type]

    return put


def test_an_unchanged_file_is_not_read_again(source: Path, put: Callable[..., Published], opened: list[bytes]) -> None:
    put()
    # Names of one inode are read once, wherever they are.
    assert len(opened) == len({os.lstat(os.fsencode(source) + path).st_ino for path in opened})
    put()
    assert opened == []
    source.joinpath("a/nested/in").write_text("something else")
    put()
    assert opened == [b"/a/nested/in"]
    os.rename(source / "chunked", source / "renamed")
    done = put()
    assert opened == []
    assert_same(read(done), source)


def test_other_content_with_the_same_size_and_time_is_noticed(
    source: Path, put: Callable[..., Published], opened: list[bytes]
) -> None:
    put()
    file = source / "a/nested/in"
    before = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = put()
    assert opened == [b"/a/nested/in"]
    assert_same(read(done), source)


def test_a_file_that_has_just_changed_is_read_again(
    source: Path, put: Callable[..., Published], opened: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = (source / "a/nested/in").stat().st_ctime_ns
    monkeypatch.setattr("parrot_py.drivers.cvmfs.publish.publication.time.time_ns", lambda: fresh + 10**9)
    put()
    put()
    assert b"/a/nested/in" in opened


def test_reread_reads_everything(put: Callable[..., Published], opened: list[bytes]) -> None:
    put()
    every = set(opened)
    put(reread=True)
    assert set(opened) == every


@pytest.mark.parametrize(
    "options",
    [{"algorithm": Algorithm.SHAKE128}, {"compression": 1}, {"chunk_sizes": replace(SMALL_CHUNKS, average=4096)}],
)
def test_another_format_reads_everything(
    source: Path, put: Callable[..., Published], opened: list[bytes], options: dict[str, object]
) -> None:
    put()
    every = set(opened)
    done = put(**options)
    assert set(opened) == every
    assert_same(read(done), source)


def test_files_that_become_external_are_read_again(
    source: Path, put: Callable[..., Published], opened: list[bytes]
) -> None:
    put()
    tree = read(put(external=("/chunked/4*",)))
    assert set(opened) == {b"/chunked/40000", b"/chunked/4096", b"/chunked/4097"}
    assert tree.entries[b"/chunked/40000"].flags & 0x80
    put(external=("/chunked/4*",))
    assert opened == []
    assert_same(read(put()), source)


def test_what_vanished_from_the_store_is_stored_again(
    source: Path, put: Callable[..., Published], opened: list[bytes]
) -> None:
    done = put()
    tree = read(done)
    chunk = tree.entries[b"/chunked/40000"].chunks[1][2].hex()
    whole = tree.entries[b"/a/nested/in"].row["hash"].hex()
    done.repository.joinpath("data", chunk[:2], chunk[2:] + "P").unlink()
    done.repository.joinpath("data", whole[:2], whole[2:]).unlink()
    put()
    assert set(opened) == {b"/chunked/40000", b"/a/nested/in"}
    assert_same(read(done), source)


def test_a_damaged_index_is_no_index(
    source: Path, put: Callable[..., Published], opened: list[bytes], keys: RepositoryKeys
) -> None:
    put()
    every = set(opened)
    for damage in (b"", b"no database" * 100):
        keys.directory.joinpath(f"{FQRN}.index").write_bytes(damage)
        assert_same(read(put()), source)
        assert set(opened) == every


def test_trust_mtime_believes_size_and_time(source: Path, put: Callable[..., Published], opened: list[bytes]) -> None:
    first = read(put())
    for directory, _, files in os.walk(os.fsencode(source)):
        for name in files:
            os.utime(
                directory + b"/" + name, ns=(5, os.lstat(directory + b"/" + name).st_mtime_ns), follow_symlinks=False
            )
    file = source / "a/nested/in"
    before = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    source.joinpath("chunked/1024").write_bytes(b"other")
    tree = read(put(trust_mtime=True, reread=True))
    assert opened == [b"/chunked/1024"]
    assert tree.content(tree.entries[b"/a/nested/in"]) == first.content(first.entries[b"/a/nested/in"])
    # Without it the change is seen.
    assert_same(read(put()), source)


@pytest.mark.parametrize("workers", [1, 7])
def test_many_threads_make_the_same_repository(
    tmp_path: Path, keys: RepositoryKeys, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = random.Random(workers)
    source = tmp_path / "source"
    for number in range(40):
        source.joinpath(f"{number % 7}").mkdir(parents=True, exist_ok=True)
        source.joinpath(f"{number % 7}/{number}").write_bytes(noise.randbytes(noise.choice([10, 900, 3000, 20000])))
    source.joinpath("zeros").write_bytes(bytes(100_000))
    monkeypatch.setattr(publish_work, "_SMALL", 100)
    done = publish(source, tmp_path / "web", keys, replace(OPTIONS, workers=workers, reread=True))
    assert_same(read(done), source)


def test_an_error_in_a_thread_ends_the_publication(
    put: Callable[..., Published], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_work, "_SMALL", 100)

    def failing(*_: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("parrot_py.drivers.cvmfs.publish.objects.ObjectStore.put", failing)
    with pytest.raises(Exception, match="cannot write to somewhere: No space left on device"):
        put(reread=True)
    assert list(tmp_path.joinpath("web").iterdir()) == []
