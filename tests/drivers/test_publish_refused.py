"""Publications that must not happen: what is refused, and that nothing of it stays."""

from __future__ import annotations

import errno
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

from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.objects import PublishError, write_atomically
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish
from parrot_py.drivers.cvmfs.publish.tree import opened, walk
from tests.drivers.publish_trees import make_small_tree, snapshot
from tests.drivers.test_publish import NOW

OPTIONS = PublishOptions(now=NOW)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_small_tree(tmp_path / "source")


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


@pytest.mark.parametrize("first", [True, False])
def test_a_disk_that_is_full_at_the_very_end(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    if not first:
        publish(source, tmp_path / "web", repository_keys, OPTIONS)
    kept = {name: data for name, data in snapshot(tmp_path / "web").items() if not name.endswith("whitelist")}
    source.joinpath("quiet/file").write_text("changed")

    def full(path: Path, data: bytes, **options: object) -> None:
        if path.name == ".cvmfspublished":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_atomically(path, data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("parrot_py.drivers.cvmfs.publish.site.write_atomically", full)
    with pytest.raises(PublishError, match=r"cannot write to .*\.cvmfspublished: No space left on device"):
        publish(source, tmp_path / "web", repository_keys, OPTIONS)
    left = snapshot(tmp_path / "web")
    assert {name: data for name, data in left.items() if name in kept} == kept
    assert {name.rpartition("/")[2] for name in left.keys() - kept.keys()} <= {
        ".cvmfswhitelist",
        ".cvmfs_master_replica",
    }


def test_a_damaged_reflog_is_named(source: Path, tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    done = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    done.repository.joinpath(".cvmfsreflog").write_bytes(b"no database" * 1000)
    with pytest.raises(PublishError, match=r"\.cvmfsreflog is damaged"):
        publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, new_revision=True))
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
    with pytest.raises(PublishError, match=r"no name for a tag|a tag 'first' already, at revision 1; --force"):
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
    assert publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, new_revision=True)).revision == 2
