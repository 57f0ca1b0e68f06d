"""Garbage collection: what is wanted stays, the rest goes, and an interruption does no harm."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.publish.gc import DAY, Collected, Keep, collect_garbage
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.objects import PublishError
from parrot_py.drivers.cvmfs.publish.publication import Published, PublishOptions, publish
from parrot_py.drivers.cvmfs.publish.tags import remove_tags
from tests.drivers.publish_reader import PublishedTree
from tests.drivers.publish_trees import SMALL_CHUNKS, assert_same, make_small_tree, snapshot
from tests.drivers.test_publish import NOW, read

OPTIONS = PublishOptions(now=NOW, chunk_sizes=SMALL_CHUNKS, garbage_collectable=True)
NEWEST = Keep(revisions=1, grace=0)


class Shop:
    """A repository with a revision a day."""

    def __init__(self, place: Path, keys: RepositoryKeys) -> None:
        self.source, self.web, self.keys = make_small_tree(place / "source"), place / "web", keys
        self.days = 0

    def publish(self, content: bytes, **options: object) -> Published:
        self.source.joinpath("busy/inner/file").write_bytes(content)
        changed = replace(OPTIONS, now=NOW + self.days * DAY, **options)  # type: ignore[arg-type]
        self.days += 1
        return publish(self.source, self.web, self.keys, changed)

    def collect(self, keep: Keep = NEWEST, dry_run: bool = False, force: bool = False) -> Collected:
        options = replace(OPTIONS, now=NOW + self.days * DAY, force=force)
        return collect_garbage(self.web, self.keys, keep, options, dry_run=dry_run)

    @property
    def repository(self) -> Path:
        return self.web / self.keys.fqrn

    def objects(self) -> set[str]:
        return {str(path.relative_to(self.repository)) for path in self.repository.glob("data/*/*")}

    def has(self, done: Published) -> bool:
        return (self.repository / done.root_hash.object_path("C")[1:]).exists()


@pytest.fixture
def shop(tmp_path: Path, repository_keys: RepositoryKeys) -> Shop:
    return Shop(tmp_path, repository_keys)


def now_of(shop: Shop) -> int:
    return NOW + shop.days * DAY


def test_only_what_the_newest_needs_stays(shop: Shop) -> None:
    # The revision before the newest has the tag trunk-previous; what it needs is not garbage.
    first = shop.publish(b"one" * 3000)
    second = needed(read(shop.publish(b"two" * 3000), now_of(shop)))
    tree = read(shop.publish(b"three" * 3000), now_of(shop))
    done = shop.collect()
    assert (done.kept_revisions, done.deleted_revisions, done.young_objects) == (2, 1, 0)
    assert not shop.has(first)
    tree = read(replace(first, revision=3), now_of(shop))
    assert_same(tree, shop.source)
    assert {name.replace("/", "")[4:] for name in shop.objects()} == second | needed(tree)
    assert done.kept_objects == len(shop.objects())
    assert shop.collect() == done._replace(deleted_revisions=0, deleted_objects=0, deleted_bytes=0)


def needed(tree: PublishedTree) -> set[str]:
    """Every object that the newest revision needs, by the reader that shares no code with the publisher."""
    names = {tree.manifest[letter] + letter for letter in "CHXM"}
    names |= {catalog["hash"] + "C" for catalog in tree.catalogs.values()}
    for seen in tree.entries.values():
        names |= {digest.hex() + "P" for _, _, digest in seen.chunks}
        names |= {seen.row["hash"].hex()} if seen.row["hash"] else set()
    return names


def test_a_dry_run_counts_and_deletes_nothing(shop: Shop) -> None:
    for content in (b"one", b"two", b"three"):
        shop.publish(content)
    before = snapshot(shop.web)
    counted = shop.collect(dry_run=True)
    assert snapshot(shop.web) == before
    assert counted.deleted_objects > 0
    assert shop.collect() == counted


@pytest.mark.parametrize(
    ("keep", "stay"),
    [
        (Keep(revisions=2, grace=0), [4, 5]),
        (Keep(revisions=99, grace=0), [0, 1, 2, 3, 4, 5]),
        (Keep(days=0, grace=0), [4, 5]),
        # The clock says six days after the first: revision 3 was in place two and a half days ago.
        (Keep(days=2.5, grace=0), [3, 4, 5]),
        (Keep(revisions=3, days=1, grace=0), [3, 4, 5]),
        (Keep(grace=0), [3, 4, 5]),
    ],
)
def test_recent_revisions_stay(shop: Shop, keep: Keep, stay: list[int]) -> None:
    made = [shop.publish(b"revision %d" % number) for number in range(6)]
    done = shop.collect(keep)
    assert [number for number in range(6) if shop.has(made[number])] == stay
    assert (done.kept_revisions, done.deleted_revisions) == (len(stay), 6 - len(stay))


def test_tagged_revisions_stay_until_the_tag_goes(shop: Shop) -> None:
    first = shop.publish(b"one", tag="good")
    shop.publish(b"two")
    shop.publish(b"three")
    shop.publish(b"four")
    # trunk, trunk-previous and the tag
    assert shop.collect().kept_revisions == 3
    assert shop.has(first)
    remove_tags(shop.web, shop.keys, ["good"], replace(OPTIONS, now=now_of(shop)))
    assert shop.collect().deleted_revisions == 1
    assert not shop.has(first)


def test_young_garbage_stays(shop: Shop) -> None:
    for content in (b"one", b"two", b"three"):
        shop.publish(content)
    done = shop.collect(Keep(revisions=1, grace=1000))
    assert (done.deleted_objects, done.young_objects > 0) == (0, True)
    for path in shop.repository.glob("data/*/*"):
        os.utime(path, (0, 0))
    assert shop.collect(Keep(revisions=1, grace=1000)).deleted_objects == done.young_objects


def test_an_unmarked_repository_needs_force(shop: Shop) -> None:
    shop.publish(b"one", garbage_collectable=False)
    shop.publish(b"two", garbage_collectable=None)
    shop.publish(b"three", garbage_collectable=None)
    with pytest.raises(PublishError, match="not marked as garbage collectable"):
        shop.collect()
    assert shop.collect(force=True).deleted_revisions == 1


def test_what_is_no_object_is_left_alone(shop: Shop) -> None:
    shop.publish(b"one")
    strange = [shop.repository / "data/00/README", shop.repository / "data/notes", shop.repository / "robots.txt"]
    for path in strange:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    orphan = shop.repository / f"data/00/{'1' * 38}"
    orphan.write_text("nobody's")
    assert shop.collect().deleted_objects == 1
    assert all(path.exists() for path in strange)
    assert not orphan.exists()


def test_a_damaged_revision_stops_everything(shop: Shop) -> None:
    shop.publish(b"one")
    second = shop.publish(b"two")
    nested = read(second, now_of(shop)).catalogs[b"/busy/inner"]["hash"]
    shop.repository.joinpath(ContentHash.parse(nested).object_path("C")[1:]).unlink()
    before = snapshot(shop.web)
    with pytest.raises(PublishError, match=f"{nested[2:]}C"):
        shop.collect()
    assert snapshot(shop.web) == before


@pytest.mark.parametrize("step", range(1, 6))
def test_an_interrupted_run_is_finished_by_the_next(shop: Shop, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    for number in range(4):
        last = shop.publish(b"revision %d" % number)
    unlink: Callable[..., None] = os.unlink
    calls = 0

    def failing(path: str, **options: object) -> None:
        nonlocal calls
        calls += f"{shop.repository}/data/" in str(path)
        if calls == step:
            raise KeyboardInterrupt
        unlink(path, **options)

    monkeypatch.setattr("parrot_py.drivers.cvmfs.publish.gc.os.unlink", failing)
    with pytest.raises(KeyboardInterrupt):
        shop.collect()
    monkeypatch.undo()
    assert_same(read(last, now_of(shop)), shop.source)
    # A revision that lost anything is not one that could be asked for any more.
    database = sqlite3.connect(shop.repository / ".cvmfsreflog")
    roots = {text for (text,) in database.execute("SELECT hash FROM refs WHERE type = 0")}
    database.close()
    assert roots <= {str(one) for one in (last.root_hash, *previous_roots(last, shop))}
    shop.collect(Keep(revisions=9, grace=0))
    assert_same(read(last, now_of(shop)), shop.source)
    assert shop.collect(Keep(revisions=9, grace=0)).deleted_objects == 0


def previous_roots(done: Published, shop: Shop) -> list[str]:
    return [read(done, now_of(shop)).catalogs[b""]["properties"]["previous_revision"].decode()]


def test_without_a_reflog_the_chain_of_revisions_is_known(shop: Shop) -> None:
    made = [shop.publish(b"revision %d" % number) for number in range(4)]
    shop.repository.joinpath(".cvmfsreflog").unlink()
    shop.collect(Keep(revisions=3, grace=0))
    assert [shop.has(one) for one in made] == [False, True, True, True]
    assert shop.collect(Keep(revisions=3, grace=0)).kept_revisions == 3


def test_dangling_alternative_names_go(shop: Shop) -> None:
    shop.publish(b"one", alternative_paths=True)
    shop.publish(b"two")
    shop.publish(b"three")
    shop.collect()
    links = list(shop.repository.glob(".cvmfsalt-*"))
    assert links
    assert all(link.exists() for link in links)
