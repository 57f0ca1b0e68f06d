"""Names for revisions, the way back to one, and certificates that change."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.publish.cli import main
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys, create_keys, open_keys
from parrot_py.drivers.cvmfs.publish.objects import PublishError
from parrot_py.drivers.cvmfs.publish.publication import Published, PublishOptions, publish, renew_whitelist
from parrot_py.drivers.cvmfs.publish.tags import list_tags, remove_tags, rollback, set_tag
from parrot_py.drivers.cvmfs.publish.whitelist import rotate_certificate
from tests.drivers.publish_reader import PublishedTree
from tests.drivers.publish_trees import assert_same, make_small_tree, snapshot
from tests.drivers.test_publish import FQRN, NOW, read

OPTIONS = PublishOptions(now=NOW)
Publish = Callable[..., Published]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_small_tree(tmp_path / "source")


@pytest.fixture
def web(tmp_path: Path) -> Path:
    return tmp_path / "web"


@pytest.fixture
def put(source: Path, web: Path, repository_keys: RepositoryKeys) -> Publish:
    def put(content: str, **options: object) -> Published:
        source.joinpath("busy/inner/file").write_text(content)
        return publish(source, web, repository_keys, replace(OPTIONS, **options))  # type: ignore[arg-type]

    return put


def names(web: Path) -> dict[str, int]:
    return {tag.name: tag.revision for tag in list_tags(web, FQRN)}


def tagged(name: str, **options: object) -> PublishOptions:
    return replace(OPTIONS, tag=name, **options)  # type: ignore[arg-type]


def test_a_tag_names_the_revision_in_place_or_an_older_one(
    put: Publish, web: Path, repository_keys: RepositoryKeys
) -> None:
    first = put("one", tag="v1", tag_description="the first")
    second = put("two")
    made = set_tag(web, repository_keys, tagged("v2", now=NOW + 5))
    assert (made.name, made.root, made.revision) == ("v2", str(second.root_hash), 2)
    old = set_tag(web, repository_keys, tagged("v1-again"), at="v1")
    assert (old.root, old.revision, old.timestamp) == (str(first.root_hash), 1, NOW)
    by_hash = set_tag(web, repository_keys, tagged("by-hash"), at=str(first.root_hash))
    assert by_hash._replace(name="") == old._replace(name="")
    assert names(web) == {"trunk": 2, "v2": 2, "by-hash": 1, "trunk-previous": 1, "v1": 1, "v1-again": 1}
    descriptions = {tag.name: tag.description for tag in list_tags(web, FQRN)}
    assert descriptions["v1"] == "the first"
    tree = read(second)
    assert (tree.manifest["S"], tree.manifest["C"], tree.manifest["T"]) == ("2", str(second.root_hash), str(NOW + 5))


def test_the_same_tree_again_can_get_a_tag(source: Path, web: Path, repository_keys: RepositoryKeys) -> None:
    publish(source, web, repository_keys, OPTIONS)
    same = publish(source, web, repository_keys, tagged("v1"))
    assert (same.changed, same.revision) == (False, 1)
    assert names(web) == {"trunk": 1, "v1": 1}


def test_a_tag_is_moved_only_with_force(put: Publish, web: Path, repository_keys: RepositoryKeys) -> None:
    put("one", tag="stable")
    put("two")
    before = snapshot(web)
    for refused in (lambda: set_tag(web, repository_keys, tagged("stable")), lambda: put("three", tag="stable")):
        with pytest.raises(PublishError, match=r"a tag 'stable' already, at revision 1; --force moves it"):
            refused()
    assert snapshot(web) == before
    set_tag(web, repository_keys, tagged("stable", force=True))
    assert names(web)["stable"] == 2
    put("three", tag="stable", force=True)
    assert names(web)["stable"] == 3


def test_tags_can_be_removed(put: Publish, web: Path, repository_keys: RepositoryKeys) -> None:
    put("one", tag="a")
    put("two", tag="b")
    remove_tags(web, repository_keys, ["a"], OPTIONS)
    assert names(web) == {"trunk": 2, "b": 2, "trunk-previous": 1}
    for name, reason in (("a", "has no tag 'a'"), ("trunk", "no name for a tag")):
        with pytest.raises(PublishError, match=reason):
            remove_tags(web, repository_keys, ["b", name], OPTIONS)
    assert "b" in names(web)


@pytest.mark.parametrize("by", ["tag", "hash", "trunk-previous"])
def test_a_rollback_is_a_new_revision_with_the_old_tree(
    put: Publish, source: Path, web: Path, repository_keys: RepositoryKeys, by: str
) -> None:
    first = put("one", tag="v1")
    second = put("two")
    target = {"tag": "v1", "hash": str(first.root_hash)}.get(by, by)
    done = rollback(web, repository_keys, target, tagged("back"))
    tree = read(done)
    source.joinpath("busy/inner/file").write_text("one")
    assert tree.content(tree.entries[b"/busy/inner/file"]) == b"one"
    properties = tree.catalogs[b""]["properties"]
    assert (properties["revision"], properties["previous_revision"].decode()) == (b"3", str(second.root_hash))
    assert names(web) == {"trunk": 3, "back": 3, "trunk-previous": 2, "v1": 1}
    assert done.root_hash != first.root_hash
    assert put("four").revision == 4


def test_a_rollback_to_what_is_not_there_is_refused(put: Publish, web: Path, repository_keys: RepositoryKeys) -> None:
    first = put("one" * 99, tag="v1")
    lost = read(first).entries[b"/busy/inner/file"].row["hash"].hex()
    second = put("two")
    first.repository.joinpath("data", lost[:2], lost[2:]).unlink()
    nested = read(second).catalogs[b"/busy/inner"]["hash"]
    before = snapshot(web)
    for target, reason in (
        ("v1", f"v1 .revision 1. is not complete any more: {lost} is missing"),
        ("nothing", "has no tag 'nothing'"),
        ("1" * 40, "cannot read"),
        ("trunk", "is the revision in place"),
        (nested, "is the catalog of /busy/inner, not a root catalog"),
    ):
        with pytest.raises(PublishError, match=reason):
            rollback(web, repository_keys, target, OPTIONS)
    assert snapshot(web) == before


@pytest.fixture
def own_keys(tmp_path: Path) -> RepositoryKeys:
    return create_keys(tmp_path / "keys", FQRN)


def test_a_new_certificate_beside_the_old_one(source: Path, web: Path, own_keys: RepositoryKeys) -> None:
    done = publish(source, web, own_keys, OPTIONS)
    old = read(done)
    rotate_certificate(web, own_keys, OPTIONS)
    fresh = open_keys(own_keys.directory, FQRN)
    assert fresh.certificate != own_keys.certificate
    tree = read(done)
    assert tree.manifest["X"] != old.manifest["X"]
    assert tree.manifest["C"] == old.manifest["C"]
    assert set(tree.whitelist) == {keys.fingerprint(done.root_hash.algorithm) for keys in (own_keys, fresh)}
    assert sorted(path.name.split("test.")[1] for path in own_keys.directory.iterdir()) == sorted(
        ["crt", "crt.old", "index", "key", "key.old", "masterkey", "pub"]
    )
    # The old key is still good until the whitelist forgets it.
    source.joinpath("more").touch()
    publish(source, web, replace(own_keys, master=None), OPTIONS)
    assert_same(read(done), source)
    renew_whitelist(web, fresh, replace(OPTIONS, drop_certificates=True))
    source.joinpath("more").unlink()
    with pytest.raises(PublishError, match="does not name the certificate"):
        publish(source, web, replace(own_keys, master=None), OPTIONS)
    publish(source, web, replace(fresh, master=None), OPTIONS)
    assert len(read(done).whitelist) == 1


def test_an_interrupted_change_of_the_certificate(
    source: Path, web: Path, own_keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = publish(source, web, own_keys, OPTIONS)
    rename = os.rename
    for victim in (f"{FQRN}.key.new", f"{FQRN}.crt.new"):

        def failing(old: str, new: str, victim: str = victim) -> None:
            if str(old).endswith(victim):
                raise KeyboardInterrupt
            rename(old, new)

        monkeypatch.setattr("os.rename", failing)
        with pytest.raises(KeyboardInterrupt):
            rotate_certificate(web, open_keys(own_keys.directory, FQRN), OPTIONS)
        monkeypatch.undo()
        read(done)
        source.joinpath(victim).touch()
        publish(source, web, open_keys(own_keys.directory, FQRN), OPTIONS)
        assert_same(read(done), source)


def test_a_foreign_whitelist_is_not_signed_again(
    source: Path, web: Path, repository_keys: RepositoryKeys, foreign_keys: RepositoryKeys
) -> None:
    done = publish(source, web, foreign_keys, OPTIONS)
    publish(source, web, repository_keys, OPTIONS)
    when = datetime.fromtimestamp(NOW, timezone.utc).replace(tzinfo=None)
    ours = PublishedTree(done.repository, FQRN, repository_keys.public_key_file.read_bytes(), when)
    assert ours.whitelist == [repository_keys.fingerprint(done.root_hash.algorithm)]


def test_the_command(
    put: Publish, web: Path, repository_keys: RepositoryKeys, capsys: pytest.CaptureFixture[str]
) -> None:
    put("one", tag="v1")
    second = put("two")
    place = ["--name", FQRN, "--output", str(web)]
    keys = ["--keys", str(repository_keys.directory)]
    assert main([*place, *keys, "--tag", "v0", "--at", "v1", "--tag-description", "zero"]) == 0
    assert main([*place, *keys, "--remove-tag", "v1"]) == 0
    assert main([*place, *keys, "--rollback", "v0"]) == 0
    capsys.readouterr()
    assert main([*place, "--tags", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(tag["name"], tag["revision"]) for tag in listed] == [("trunk", 3), ("trunk-previous", 2), ("v0", 1)]
    assert main([*place, "--tags"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["trunk-previous", "2"]
    assert str(second.root_hash) in lines[1]
    assert ContentHash.parse(lines[2].split()[4])
    assert lines[2].endswith("zero")
    assert main([*place, *keys, "--gc", "--force", "--grace", "0s", "--keep-revisions", "1"]) == 0
    assert capsys.readouterr().out.startswith("kept 3 revisions with ")
