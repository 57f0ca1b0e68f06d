"""The next revision of a repository."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.objects import PublishError
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish, renew_whitelist
from tests.drivers.publish_reader import PublishedTree
from tests.drivers.publish_trees import assert_same, make_small_tree, snapshot
from tests.drivers.test_publish import NOW, read

OPTIONS = PublishOptions(now=NOW)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_small_tree(tmp_path / "source")


def objects(repository: Path) -> set[str]:
    return {str(path.relative_to(repository)) for path in repository.glob("data/*/*")}


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
    tags = dict(tree.rows(tree.manifest["H"], "H", "SELECT name, hash FROM tags"))
    first_root, second_root = old.manifest["C"].encode(), tree.manifest["C"].encode()
    assert tags == {b"start": first_root, b"trunk-previous": first_root, b"trunk": second_root}


def test_nothing_new_is_no_revision_unless_it_is_asked_for(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys
) -> None:
    first = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    before, old = snapshot(first.repository), read(first)
    same = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    assert (same.changed, same.revision, same.root_hash, same.new_objects) == (False, 1, first.root_hash, 0)
    assert snapshot(first.repository) == before
    second = publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, new_revision=True))
    assert (second.changed, second.revision, second.new_objects) == (True, 2, 2)
    assert read(second).catalogs[b""]["nested"] == old.catalogs[b""]["nested"]


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

    again = replace(OPTIONS, new_revision=True)
    trees = [read(publish(source, tmp_path / "web", repository_keys, again)) for _ in range(2)]
    database = sqlite3.connect(trees[0].repository / ".cvmfsreflog")
    references = set(database.execute("SELECT hash, type FROM refs").fetchall())
    database.close()
    kinds = enumerate("CXHM")
    assert references == {(tree.manifest[letter], kind) for kind, letter in kinds for tree in trees}


def test_a_clock_that_went_back_does_not_make_the_manifest_older(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys
) -> None:
    publish(source, tmp_path / "web", repository_keys, OPTIONS)
    tree = read(publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, now=NOW - 5000, new_revision=True)))
    assert tree.manifest["T"] == str(NOW)


def test_a_revision_number_must_grow(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    assert publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, revision=7)).revision == 7
    before = snapshot(tmp_path / "web")
    with pytest.raises(PublishError, match="revision 7 is not above the 7 in place"):
        publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, revision=7))
    assert snapshot(tmp_path / "web") == before
    assert publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, new_revision=True)).revision == 8


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

    def fail(prefix: bytes, _: Connection) -> None:
        raise RuntimeError(f"catalog {prefix!r}")

    with pytest.raises(RuntimeError, match="catalog b'/busy/inner'"):
        publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, edit_catalog=fail))
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
    second = publish(source, tmp_path / "web", keys, replace(OPTIONS, now=NOW + 86400, new_revision=True))
    assert second.whitelist_expires == first.whitelist_expires
    read(second, NOW + 9 * 86400)
    with pytest.raises(PublishError, match="has expired"):
        publish(source, tmp_path / "web", keys, replace(OPTIONS, now=NOW + 11 * 86400))
    renew_whitelist(tmp_path / "web", repository_keys, replace(OPTIONS, now=NOW + 11 * 86400))
    tree: PublishedTree = read(second, NOW + 300 * 86400)
    assert tree.manifest["S"] == "2"
