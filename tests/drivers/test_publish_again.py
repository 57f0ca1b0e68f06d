"""The next revision of a repository, and publications that must not happen."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.publish import PublishOptions, publish, renew_whitelist
from parrot_py.drivers.cvmfs.publish_keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish_objects import PublishError
from parrot_py.drivers.cvmfs.publish_tree import opened, walk
from tests.drivers.publish_reader import PublishedTree
from tests.drivers.publish_trees import assert_same
from tests.drivers.test_publish import NOW, read

OPTIONS = PublishOptions(now=NOW)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for nested in ("quiet", "busy/inner"):
        root.joinpath(nested).mkdir(parents=True)
        root.joinpath(nested, ".cvmfscatalog").touch()
        root.joinpath(nested, "file").write_text(f"in {nested}")
    return root


def objects(repository: Path) -> set[str]:
    return {str(path.relative_to(repository)) for path in repository.glob("data/*/*")}


def snapshot(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_the_next_revision(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    first = publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, tag="start"))
    before, old = objects(first.repository), read(first)
    source.joinpath("busy/inner/file").write_text("something new")
    second = publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, now=NOW + 9))
    tree = read(second)
    assert_same(tree, source)
    assert (tree.manifest["S"], tree.manifest["T"]) == ("2", str(NOW + 9))
    added = objects(second.repository) - before
    assert before <= objects(second.repository)
    # the file, two catalogs (that of busy/inner and the root) and the history
    assert (second.new_objects, len(added)) == (4, 4)
    properties = {path: catalog["properties"] for path, catalog in tree.catalogs.items()}
    assert properties[b""]["previous_revision"].decode() == old.manifest["C"]
    assert properties[b"/busy/inner"]["previous_revision"].decode() == old.catalogs[b"/busy/inner"]["hash"]
    assert properties[b"/busy/inner"]["revision"] == b"2"
    assert tree.catalogs[b"/quiet"]["hash"] == old.catalogs[b"/quiet"]["hash"]
    tags = dict(tree.database(tree.manifest["H"], "H").execute("SELECT name, hash FROM tags").fetchall())
    first_root, second_root = old.manifest["C"].encode(), tree.manifest["C"].encode()
    assert tags == {b"start": first_root, b"trunk-previous": first_root, b"trunk": second_root}


def test_nothing_new_is_a_revision_with_the_same_catalogs_below(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys
) -> None:
    first = read(publish(source, tmp_path / "web", repository_keys, OPTIONS))
    second = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    assert second.new_objects == 2
    assert read(second).catalogs[b""]["nested"] == first.catalogs[b""]["nested"]


def test_a_removed_nested_catalog_moves_into_its_parent(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys
) -> None:
    publish(source, tmp_path / "web", repository_keys, OPTIONS)
    source.joinpath("quiet/.cvmfscatalog").unlink()
    tree = read(publish(source, tmp_path / "web", repository_keys, OPTIONS))
    assert set(tree.catalogs) == {b"", b"/busy/inner"}
    assert_same(tree, source)


def test_the_hash_may_change_between_revisions(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    publish(source, tmp_path / "web", repository_keys, OPTIONS)
    tree = read(publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, algorithm=Algorithm.SHAKE128)))
    assert_same(tree, source)
    assert all(catalog["hash"].endswith("-shake128") for catalog in tree.catalogs.values())


def test_the_reflog_knows_every_revision(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    import sqlite3

    trees = [read(publish(source, tmp_path / "web", repository_keys, OPTIONS)) for _ in range(2)]
    database = sqlite3.connect(trees[0].repository / ".cvmfsreflog")
    references = set(database.execute("SELECT hash, type FROM refs").fetchall())
    database.close()
    kinds = enumerate("CXHM")
    assert references == {(tree.manifest[letter], kind) for kind, letter in kinds for tree in trees}


def test_a_clock_that_went_back_does_not_make_the_manifest_older(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys
) -> None:
    publish(source, tmp_path / "web", repository_keys, OPTIONS)
    tree = read(publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, now=NOW - 5000)))
    assert tree.manifest["T"] == str(NOW)


def test_a_revision_number_must_grow(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    assert publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, revision=7)).revision == 7
    before = snapshot(tmp_path / "web")
    with pytest.raises(PublishError, match="revision 7 is not above the 7 in place"):
        publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, revision=7))
    assert snapshot(tmp_path / "web") == before
    assert publish(source, tmp_path / "web", repository_keys, OPTIONS).revision == 8


@contextmanager
def nobody() -> Iterator[Path]:
    """A directory of somebody without privileges, and their eyes: root can read everything."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    place = Path(tempfile.mkdtemp())
    try:
        yield place
    finally:
        if was_root:
            os.seteuid(0)
        shutil.rmtree(place)


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_cannot_be_read_is_named_and_nothing_is_published(repository_keys: RepositoryKeys, kind: str) -> None:
    with nobody() as place:
        tree, web = place / "tree", place / "web"
        tree.joinpath("a").mkdir(parents=True)
        tree.joinpath("a/file").write_text("readable")
        publish(tree, web, repository_keys, OPTIONS)
        before = snapshot(web)
        tree.joinpath("a/file").write_text("changed")
        secret = tree / "z"
        if kind == "file":
            secret.write_text("secret")
        else:
            secret.mkdir()
        secret.chmod(0)
        with pytest.raises(PublishError, match=f"cannot read {secret}: Permission denied"):
            publish(tree, web, repository_keys, OPTIONS)
        assert snapshot(web) == before
        with pytest.raises(PublishError, match="Permission denied"):
            publish(tree, place / "fresh", repository_keys, OPTIONS)
        assert snapshot(place / "fresh") == {}
        secret.chmod(0o700)


def test_a_place_that_cannot_be_written(source: Path, repository_keys: RepositoryKeys) -> None:
    with pytest.raises(PublishError, match="cannot write to /proc/"):
        publish(source, Path("/proc/nowhere"), repository_keys, OPTIONS)


def test_a_disk_that_takes_no_more(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    source.joinpath("random").write_bytes(os.urandom(300_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(PublishError, match=r"cannot write to .*/web/odd\.parrot\.test: File too large"):
            publish(source, tmp_path / "web", repository_keys, OPTIONS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.joinpath("web").iterdir()) == []


def test_a_damaged_reflog_is_named(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    done = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    done.repository.joinpath(".cvmfsreflog").write_bytes(b"no database" * 1000)
    with pytest.raises(PublishError, match=r"\.cvmfsreflog is damaged"):
        publish(source, tmp_path / "web", repository_keys, OPTIONS)
    assert read_revision(done.repository) == b"S1"


def read_revision(repository: Path) -> bytes:
    return next(line for line in repository.joinpath(".cvmfspublished").read_bytes().split(b"\n") if line[:1] == b"S")


def test_an_attribute_that_does_not_fit(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    os.setxattr(source / "quiet/file", "user.long", b"v" * 256)
    with pytest.raises(PublishError, match=r"quiet/file: .* longer than 255 bytes"):
        publish(source, tmp_path / "web", repository_keys, OPTIONS)
    publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, xattrs=False))


def test_a_file_that_changes_while_it_is_read(source: Path) -> None:
    entry = next(entry for directory in walk(os.fsencode(source), True) for entry in directory.others)

    def read_and_change() -> None:
        with opened(entry) as stream:
            stream.read()
            Path(os.fsdecode(entry.source)).write_text("longer than before")

    with pytest.raises(PublishError, match="changed while it was read"):
        read_and_change()


def test_a_directory_cannot_be_published_into_itself(source: Path, repository_keys: RepositoryKeys) -> None:
    with pytest.raises(PublishError, match="lies in the source"):
        publish(source, source / "web", repository_keys, OPTIONS)
    assert not source.joinpath("web").exists()


def test_private_keys_are_not_given_away(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    for place, reason in (
        (source / "keys", "would be published"),
        (tmp_path / "web/odd.parrot.test", "would be served"),
    ):
        with pytest.raises(PublishError, match=reason):
            publish(source, tmp_path / "web", replace(repository_keys, directory=place), OPTIONS)
    assert not tmp_path.joinpath("web").exists()


def test_a_web_server_can_read_it_whatever_the_umask(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys
) -> None:
    before = os.umask(0o077)
    try:
        done = publish(source, tmp_path, repository_keys, OPTIONS)
    finally:
        os.umask(before)
    for path in (done.repository, *done.repository.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


@pytest.mark.parametrize("name", ["trunk", "trunk-previous", "two words", "", "first"])
def test_a_tag_is_a_new_name(source: Path, tmp_path: Path, repository_keys: RepositoryKeys, name: str) -> None:
    publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, tag="first"))
    with pytest.raises(PublishError, match=r"no name for a tag|has a tag 'first' already"):
        publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, tag=name))


def test_one_publisher_at_a_time(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    done = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    handle = os.open(done.repository, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(PublishError, match="somebody else is publishing"):
            publish(source, tmp_path / "web", repository_keys, OPTIONS)
    finally:
        os.close(handle)
    assert publish(source, tmp_path / "web", repository_keys, OPTIONS).revision == 2


@pytest.mark.parametrize("victim", [".cvmfspublished", "root catalog"])
def test_a_damaged_revision_in_place_is_not_built_upon(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys, victim: str
) -> None:
    done = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    path = done.repository / (done.root_hash.object_path("C")[1:] if victim == "root catalog" else victim)
    data = path.read_bytes()
    path.write_bytes(data[:20] + b"!" + data[21:])
    before = snapshot(tmp_path / "web")
    with pytest.raises(PublishError, match=r"damaged|bad object|not readable"):
        publish(source, tmp_path / "web", repository_keys, OPTIONS)
    assert snapshot(tmp_path / "web") == before


def test_a_hook_may_edit_catalogs(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    from sqlite3 import Connection

    def hide(prefix: bytes, database: Connection) -> None:
        if prefix == b"/quiet":
            database.execute("UPDATE catalog SET flags = flags | 0x8000 WHERE name = CAST('file' AS TEXT)")

    tree = read(publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, edit_catalog=hide)))
    assert tree.entries[b"/quiet/file"].flags == 0x8004
    assert tree.entries[b"/busy/inner/file"].flags == 4


def test_without_the_master_key_the_whitelist_stays(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys
) -> None:
    keys = replace(repository_keys, master=None)
    with pytest.raises(PublishError, match=r"odd\.parrot\.test\.masterkey"):
        publish(source, tmp_path / "web", keys, OPTIONS)
    first = publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, whitelist_days=10))
    second = publish(source, tmp_path / "web", keys, replace(OPTIONS, now=NOW + 86400))
    assert second.whitelist_expires == first.whitelist_expires
    read(second, NOW + 9 * 86400)
    with pytest.raises(PublishError, match="has expired"):
        publish(source, tmp_path / "web", keys, replace(OPTIONS, now=NOW + 11 * 86400))
    renew_whitelist(tmp_path / "web", repository_keys, replace(OPTIONS, now=NOW + 11 * 86400))
    tree: PublishedTree = read(second, NOW + 300 * 86400)
    assert tree.manifest["S"] == "2"
