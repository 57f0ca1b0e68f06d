"""What the publisher writes, read back by a reader that shares no code with it."""

from __future__ import annotations

import os
import stat
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.objects import ChunkSizes
from parrot_py.drivers.cvmfs.publish.publication import Published, PublishOptions, publish
from tests.drivers.publish_reader import PublishedTree, digest_text
from tests.drivers.publish_trees import SMALL_CHUNKS, assert_same, make_odd_tree

NOW = 1_700_000_000
FQRN = "odd.parrot.test"


def read(done: Published, at: int = NOW) -> PublishedTree:
    when = datetime.fromtimestamp(at, timezone.utc).replace(tzinfo=None)
    return PublishedTree(done.repository, done.fqrn, done.public_key.read_bytes(), when)


@pytest.fixture(scope="module")
def odd_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_odd_tree(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def published(odd_tree: Path, repository_keys: RepositoryKeys, tmp_path_factory: pytest.TempPathFactory) -> Published:
    options = PublishOptions(chunk_sizes=SMALL_CHUNKS, now=NOW)
    return publish(odd_tree, tmp_path_factory.mktemp("web"), repository_keys, options)


@pytest.mark.parametrize("compression", [COMPRESSION_ZLIB, COMPRESSION_NONE])
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_every_kind_of_entry_comes_back(
    odd_tree: Path, repository_keys: RepositoryKeys, tmp_path: Path, algorithm: Algorithm, compression: int
) -> None:
    options = PublishOptions(algorithm, compression, SMALL_CHUNKS, now=NOW)
    tree = read(publish(odd_tree, tmp_path, repository_keys, options))
    assert_same(tree, odd_tree)
    content = (algorithm.value - 1) << 8 | compression << 11
    for seen in tree.entries.values():
        mode, flags = seen.row["mode"], seen.flags
        if stat.S_ISREG(mode):
            assert flags & ~0x40 == 4 | content
        else:
            assert flags in {stat.S_IFDIR: (1, 33), stat.S_IFLNK: (12,)}.get(stat.S_IFMT(mode), (20,))


def test_big_files_are_chunked(published: Published) -> None:
    entries = read(published).entries
    for name, chunked in (("1024", 0), ("1025", 0), ("one_piece", 0), ("4097", 1), ("40000", 1), ("zeros", 1)):
        seen = entries[b"/chunked/" + name.encode()]
        assert bool(seen.flags & 0x40) is bool(chunked), name
        assert (seen.row["hash"] is None) is bool(chunked)
        assert bool(seen.chunks) is bool(chunked)
        for _, size, _ in seen.chunks[:-1]:
            assert SMALL_CHUNKS.minimum <= size <= SMALL_CHUNKS.maximum


def test_equal_chunk_bounds_cut_at_fixed_offsets(
    odd_tree: Path, repository_keys: RepositoryKeys, tmp_path: Path
) -> None:
    options = PublishOptions(chunk_sizes=ChunkSizes(1000, 1000, 1000), now=NOW)
    chunks = read(publish(odd_tree, tmp_path, repository_keys, options)).entries[b"/chunked/4097"].chunks
    assert [size for _, size, _ in chunks] == [1000, 1000, 1000, 1000, 97]


def test_hard_links_are_groups_within_a_directory(published: Published) -> None:
    entries = read(published).entries

    def group(path: bytes) -> tuple[int, int]:
        value = entries[path].row["hardlinks"]
        return value >> 32, value & 0xFFFFFFFF

    assert group(b"/hard/one") == group(b"/hard/two")
    assert group(b"/hard/third") == group(b"/hard/fourth")
    assert group(b"/hard/link") == group(b"/hard/link2")
    assert len({group(path) for path in (b"/hard/one", b"/hard/third", b"/hard/link")}) == 3
    assert {group(path)[1] for path in (b"/hard/one", b"/hard/third", b"/hard/link")} == {2}
    for alone in (b"/hard/other/elsewhere", b"/hard/far", b"/hard/other/far", b"/a/nothing"):
        assert group(alone) == (0, 1)


def test_nested_catalogs_begin_at_their_markers(published: Published, odd_tree: Path) -> None:
    tree = read(published)
    assert set(tree.catalogs) == {b"", b"/a/nested", b"/a/nested/deep/inner", b"/hard/other"}
    assert set(tree.catalogs[b""]["nested"]) == {b"/a/nested", b"/hard/other"}
    assert set(tree.catalogs[b"/a/nested"]["nested"]) == {b"/a/nested/deep/inner"}
    assert tree.entries[b"/a/nested/deep"].catalog == b"/a/nested"
    nested = tree.catalogs[b""]["nested"][b"/a/nested"][0]
    attributes = "md5path_1, parent_1, hardlinks, size, mode, mtime, mtimens, name, uid, gid"
    query = f"SELECT {attributes}, flags FROM catalog WHERE name = CAST('nested' AS TEXT)"
    (in_parent,), (in_child,) = tree.rows(tree.manifest["C"], "C", query), tree.rows(nested, "C", query)
    assert in_parent[:-1] == in_child[:-1]
    assert (in_parent[-1], in_child[-1]) == (3, 33)
    assert in_parent[2] == 2 + sum(1 for entry in os.scandir(odd_tree / "a/nested") if entry.is_dir())


def test_empty_files_are_the_well_known_objects(published: Published) -> None:
    digest = read(published).entries[b"/a/nothing"].row["hash"]
    assert digest.hex() == "e8ec3d88b62ebf526e4e5a4ff6162a3aa48a6b78"


def test_properties(published: Published) -> None:
    tree = read(published)
    assert tree.catalogs[b""]["properties"] == {
        "schema": b"2.5",
        "schema_revision": b"7",
        "TTL": b"240",
        "last_modified": b"%d" % NOW,
        "revision": b"1",
        "previous_revision": b"0" * 40,
    }
    assert tree.catalogs[b"/a/nested"]["properties"] == {
        "schema": b"2.5",
        "schema_revision": b"7",
        "root_prefix": b"/a/nested",
        "last_modified": b"%d" % NOW,
        "revision": b"1",
        "previous_revision": b"0" * 40,
    }


def test_manifest_and_special_objects(published: Published) -> None:
    tree = read(published)
    manifest = tree.manifest
    assert [manifest[letter] for letter in "SDTGA"] == ["1", "240", str(NOW), "no", "no"]
    assert tree.object(manifest["M"], "M").startswith(b"{")
    tags = tree.rows(manifest["H"], "H", "SELECT * FROM tags")
    assert tags == [(b"trunk", manifest["C"].encode(), 1, NOW, 0, b"current HEAD", int(manifest["B"]), b"")]
    assert published.repository.joinpath(".cvmfs_master_replica").stat().st_size > 0
    assert str(published.root_hash) == manifest["C"]


def test_the_same_input_gives_the_same_bytes(
    odd_tree: Path, repository_keys: RepositoryKeys, tmp_path: Path, published: Published
) -> None:
    again = publish(odd_tree, tmp_path, repository_keys, PublishOptions(chunk_sizes=SMALL_CHUNKS, now=NOW))
    names = {path.relative_to(published.repository) for path in published.repository.rglob("*")}
    assert {path.relative_to(again.repository) for path in again.repository.rglob("*")} == names
    for name in names:
        ours, theirs = published.repository / name, again.repository / name
        assert ours.is_dir() or ours.read_bytes() == theirs.read_bytes(), name


def test_everything_is_readable_for_a_web_server(published: Published) -> None:
    for path in (published.repository, *published.repository.rglob("*")):
        assert path.stat().st_mode & 0o044 == 0o044, path


def test_alternative_paths_and_meta_information(
    odd_tree: Path, repository_keys: RepositoryKeys, tmp_path: Path
) -> None:
    options = PublishOptions(
        chunk_sizes=SMALL_CHUNKS, now=NOW, alternative_paths=True, garbage_collectable=True, meta={"email": "me@x"}
    )
    tree = read(publish(odd_tree, tmp_path, repository_keys, options))
    assert (tree.manifest["A"], tree.manifest["G"]) == ("yes", "yes")
    for letter in "CXHM":
        alternative = tree.repository / f".cvmfsalt-{tree.manifest[letter]}{letter}"
        assert digest_text(alternative.read_bytes(), tree.manifest[letter]) == tree.manifest[letter]
    assert b'"email": "me@x"' in tree.object(tree.manifest["M"], "M")


def test_external_files_are_described_but_not_stored(
    odd_tree: Path, repository_keys: RepositoryKeys, tmp_path: Path
) -> None:
    options = PublishOptions(
        Algorithm.SHAKE128, chunk_sizes=SMALL_CHUNKS, now=NOW, external=("/chunked/40000", "/chunked/102*")
    )
    tree = read(publish(odd_tree, tmp_path, repository_keys, options))
    whole, chunked = tree.entries[b"/chunked/1024"], tree.entries[b"/chunked/40000"]
    assert (whole.flags, chunked.flags) == (0xA84, 0xAC4)
    text = whole.row["hash"].hex() + "-shake128"
    assert digest_text(odd_tree.joinpath("chunked/1024").read_bytes(), text) == text
    assert not tree.repository.joinpath("data", text[:2], text[2:]).exists()
    data = odd_tree.joinpath("chunked/40000").read_bytes()
    for offset, size, digest in chunked.chunks:
        text = digest.hex() + "-shake128"
        assert digest_text(data[offset : offset + size], text) == text
        assert not tree.repository.joinpath("data", text[:2], text[2:] + "P").exists()
    assert sum(size for _, size, _ in chunked.chunks) == len(data)
    statistics = tree.catalogs[b""]["statistics"]
    assert (statistics["self_external"], statistics["self_external_file_size"]) == (4, 40000 + 1023 + 1024 + 1025)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make device nodes and give files away")
def test_devices_and_owners(repository_keys: RepositoryKeys, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    os.mknod(source / "char", stat.S_IFCHR | 0o620, os.makedev(1, 3))
    os.mknod(source / "block", stat.S_IFBLK | 0o660, os.makedev(259, 1048575))
    source.joinpath("given").write_text("x")
    os.chown(source / "given", 2**31 - 1, 12345)
    tree = read(publish(source, tmp_path / "web", repository_keys, PublishOptions(now=NOW)))
    assert_same(tree, source)
    assert tree.catalogs[b""]["statistics"]["self_special"] == 2
    options = PublishOptions(now=NOW, owner=(5, 6), fixed_mtime=77)
    tree = read(publish(source, tmp_path / "web", repository_keys, options))
    assert {(seen.row["uid"], seen.row["gid"], seen.row["mtime"]) for seen in tree.entries.values()} == {(5, 6, 77)}


def test_openssl_agrees_about_the_signatures(published: Published, tmp_path: Path) -> None:
    tree = read(published)
    _, text, signature = tree.letter(".cvmfswhitelist")
    tmp_path.joinpath("signature").write_bytes(signature)
    command = ["openssl", "pkeyutl", "-verifyrecover", "-pubin", "-inkey", str(published.public_key)]
    recovered = subprocess.run([*command, "-in", "signature"], cwd=tmp_path, check=True, capture_output=True).stdout
    assert recovered.decode() == text
    _, text, signature = tree.letter(".cvmfspublished")
    tmp_path.joinpath("signature").write_bytes(signature)
    tmp_path.joinpath("text").write_text(text)
    tmp_path.joinpath("crt").write_bytes(tree.object(tree.manifest["X"], "X"))
    extract = ["openssl", "x509", "-in", "crt", "-noout", "-pubkey", "-out", "key"]
    subprocess.run(extract, cwd=tmp_path, check=True, capture_output=True)
    verify = ["openssl", "dgst", "-sha1", "-verify", "key", "-signature", "signature", "text"]
    assert b"Verified OK" in subprocess.run(verify, cwd=tmp_path, check=True, capture_output=True).stdout
