"""Chunk boundaries, keys and the signed texts by themselves."""

from __future__ import annotations

import io
import os
import random
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys, create_keys, open_keys
from parrot_py.drivers.cvmfs.publish.letter import (
    ManifestFields,
    WhitelistFields,
    read_manifest,
    sign_manifest,
    sign_whitelist,
)
from parrot_py.drivers.cvmfs.publish.objects import ChunkSizes, ObjectStore, PublishError, cut

SIZES = ChunkSizes(64, 128, 256)
MANIFEST = ManifestFields(C="1" * 40, B="1", D="2", S="3", N="a.b", X="2" * 40)


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=4000), st.tuples(*[st.integers(1, 300)] * 3))
def test_chunks_cover_the_content_within_their_bounds(data: bytes, bounds: tuple[int, int, int]) -> None:
    sizes = ChunkSizes(*sorted(bounds))
    pieces = list(cut(io.BytesIO(data), sizes))
    assert b"".join(pieces) == data
    assert all(sizes.minimum <= len(piece) <= sizes.maximum for piece in pieces[:-1])
    assert all(0 < len(piece) <= sizes.maximum for piece in pieces[-1:])


def test_chunks_are_of_about_the_average_size() -> None:
    sizes = ChunkSizes(4096, 8192, 65536)
    count = len(list(cut(io.BytesIO(random.Random(1).randbytes(4 << 20)), sizes)))
    assert 0.85 < (4 << 20) / count / sizes.average < 1.15


def test_an_insertion_changes_few_chunks() -> None:
    data = random.Random(3).randbytes(100_000)
    before = set(cut(io.BytesIO(data), SIZES))
    after = set(cut(io.BytesIO(data[:50_000] + b"inserted" + data[50_000:]), SIZES))
    assert len(before) > 500
    assert len(after - before) < 20


def test_a_stream_may_answer_fewer_bytes_than_asked_for() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(7, 7 if size is None or size < 0 else size))

    data = random.Random(4).randbytes(3000)
    assert list(cut(Slow(data), SIZES)) == list(cut(io.BytesIO(data), SIZES))


@pytest.mark.parametrize("bounds", [(0, 1, 2), (2, 1, 3), (1, 3, 2)])
def test_chunk_sizes_must_be_in_order(bounds: tuple[int, int, int]) -> None:
    with pytest.raises(PublishError, match="in order"):
        ChunkSizes(*bounds)


def test_a_big_object_is_stored_in_constant_memory_and_once(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "repository", Algorithm.SHA1)
    data = random.Random(5).randbytes(3 << 20)
    names = {store.put_stream(io.BytesIO(data), compression) for compression in (0, 1)}
    assert {size for _, size in names} == {len(data)}
    assert {name for name, _ in names} == {Algorithm.SHA1.hash(data), store.put(data)}
    assert len(store.written) == 2
    assert {os.stat(path).st_mode & 0o777 for path in store.written} == {0o644}
    store.roll_back()
    assert not store.repository.exists()


@pytest.mark.parametrize("size", [100, 3 << 20])
def test_an_object_that_lost_its_end_is_written_again(tmp_path: Path, size: int) -> None:
    store = ObjectStore(tmp_path / "repository", Algorithm.SHA1)
    data = random.Random(5).randbytes(size)
    name, _ = store.put_whole(io.BytesIO(data), size, 1)
    store.path(name).write_bytes(b"")
    assert store.put_whole(io.BytesIO(data), size, 1) == (name, size)
    assert store.path(name).read_bytes() == data


def test_private_keys_are_private_and_never_overwritten(tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "keys", "a.b")
    modes = {path.name: path.stat().st_mode & 0o777 for path in keys.directory.iterdir()}
    assert modes == {"a.b.masterkey": 0o600, "a.b.key": 0o600, "a.b.pub": 0o644, "a.b.crt": 0o644}
    content = {path: path.read_bytes() for path in keys.directory.iterdir()}
    assert open_keys(keys.directory, "a.b").fingerprint(Algorithm.SHA1) == keys.fingerprint(Algorithm.SHA1)
    with pytest.raises(PublishError, match="never overwritten"):
        create_keys(keys.directory, "a.b")
    assert {path: path.read_bytes() for path in keys.directory.iterdir()} == content
    keys.directory.joinpath("a.b.key").unlink()
    with pytest.raises(PublishError, match=r"only some keys of a\.b: a\.b\.key missing"):
        open_keys(keys.directory, "a.b")


def test_keys_that_do_not_fit_together(
    tmp_path: Path, repository_keys: RepositoryKeys, foreign_keys: RepositoryKeys
) -> None:
    for kind, keys in (("pub", repository_keys), ("key", repository_keys), ("crt", foreign_keys)):
        name = f"odd.parrot.test.{kind}"
        tmp_path.joinpath(name).write_bytes(keys.directory.joinpath(name).read_bytes())
    with pytest.raises(PublishError, match="does not belong to"):
        open_keys(tmp_path, "odd.parrot.test")
    tmp_path.joinpath("odd.parrot.test.key").write_text("nonsense")
    with pytest.raises(PublishError, match="is not an unencrypted PEM private key"):
        open_keys(tmp_path, "odd.parrot.test")


def test_the_manifest_reads_what_it_wrote(repository_keys: RepositoryKeys) -> None:
    data = sign_manifest(MANIFEST, repository_keys, Algorithm.RIPEMD160)
    assert data.startswith(b"C" + b"1" * 40 + b"\nB1\nRd41d8cd98f00b204e9800998ecf8427e\nD2\nS3\nGno\nAno\nNa.b\nX")
    assert read_manifest(data, "a.b") == MANIFEST
    with pytest.raises(PublishError, match=r"is of a\.b, not of other"):
        read_manifest(data, "other")
    for broken in (b"", b"C\n--\n", data.replace(b"S3", b"S4"), b"\xff\n--\n" + b"0" * 40):
        with pytest.raises(PublishError, match=r"that a\.b has already"):
            read_manifest(broken, "a.b")


def test_the_whitelist_states_its_expiry_and_fingerprint(repository_keys: RepositoryKeys) -> None:
    issued = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    expires = datetime(2027, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    whitelist = WhitelistFields("a.b", issued, expires, [repository_keys.fingerprint(Algorithm.SHAKE128)])
    data = sign_whitelist(whitelist, repository_keys, Algorithm.SHAKE128)
    lines = data.split(b"\n")
    assert lines[:3] == [b"20260102030405", b"E20270102030405", b"Na.b"]
    assert len(lines[3]) == 59 + len("-SHAKE128")
    assert lines[3].endswith(b"-SHAKE128")
