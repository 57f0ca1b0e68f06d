"""Random sequences of changes and publications: readers see the tree, and collection breaks no kept revision."""

from __future__ import annotations

import os
import random
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.publish.gc import Keep, collect_garbage
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.publication import Published, PublishOptions, publish
from parrot_py.drivers.cvmfs.publish.tags import list_tags, rollback
from parrot_py.drivers.cvmfs.publish.verify import verify
from tests.drivers.publish_edits import Edits
from tests.drivers.publish_trees import SMALL_CHUNKS, assert_same, paths_of
from tests.drivers.test_publish import FQRN, NOW, read

Tree = dict[bytes, tuple[object, ...]]


def tree_of(source: Path) -> Tree:
    """What a client has to show of *source*."""
    found: Tree = {}
    for path, place in paths_of(source).items():
        status = os.lstat(place)
        what: object = None
        if stat.S_ISREG(status.st_mode):
            what = Path(os.fsdecode(place)).read_bytes()
        elif stat.S_ISLNK(status.st_mode):
            what = os.readlink(place)
        found[path] = (status.st_mode, status.st_mtime_ns, what)
    return found


def seen_by_a_client(done: Published, cache: Path, root: str | None = None) -> Tree:
    """The newest revision, or the one of *root*, by the library."""
    found: Tree = {}
    options = ["--cvmfs-option", "CVMFS_SERVER_CACHE_MODE=yes"]
    with Repository.open(
        done.repository.as_uri(), key=done.public_key, cache_dir=cache, root_hash=root, options=options
    ) as repository:
        for path, inode in repository.walk():
            what: object = None
            if stat.S_ISREG(inode.mode):
                what = repository.read(path)
            elif stat.S_ISLNK(inode.mode):
                what = repository.getxattr(inode, "user.rawlink")
            found[path] = (inode.mode, inode.mtime_ns, what)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_readers_see_exactly_the_tree(seed: int, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    dice = random.Random(seed)
    source, web = tmp_path / "source", tmp_path / "web"
    source.mkdir()
    edits = Edits(source, dice)
    options = PublishOptions(
        chunk_sizes=SMALL_CHUNKS, garbage_collectable=True, whitelist_days=36525, algorithm=list(Algorithm)[seed % 3]
    )
    kept: dict[str, Tree] = {}
    for step in range(6):
        edits.some(dice.randrange(1, 12))
        tag = f"t{step}" if dice.random() < 0.3 else None
        done = publish(source, web, repository_keys, replace(options, now=NOW + step, tag=tag))
        assert_same(read(done), source)
        kept[str(done.root_hash)] = tree = tree_of(source)
        assert seen_by_a_client(done, tmp_path / "cache") == tree
        again = publish(source, web, repository_keys, replace(options, now=NOW + step, reread=True))
        assert (again.changed, again.root_hash) == (False, done.root_hash)
        if step % 3 == 2:
            collect_garbage(web, repository_keys, Keep(revisions=2, grace=0), replace(options, now=NOW + step))
    report = verify(str(done.repository), FQRN, [done.public_key], against=source, options=replace(options, now=NOW))
    assert (report.problems, report.notes, report.orphans) == ([], [], report.orphans)
    collect_garbage(web, repository_keys, Keep(revisions=3, grace=0), replace(options, now=NOW + 9))
    for root in {tag.root for tag in list_tags(web, FQRN)}:
        assert seen_by_a_client(done, tmp_path / f"cache-{root[:8]}", root) == kept[root]
    report = verify(str(done.repository), FQRN, [done.public_key], options=replace(options, now=NOW))
    assert (report.problems, report.notes, report.orphans) == ([], [], 0)
    oldest = min(list_tags(web, FQRN), key=lambda tag: tag.revision)
    if oldest.root != str(done.root_hash):
        back = rollback(web, repository_keys, oldest.name, replace(options, now=NOW + 10))
        assert seen_by_a_client(back, tmp_path / "cache") == kept[oldest.root]
