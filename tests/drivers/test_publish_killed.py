"""A publisher that is killed at any point leaves a repository that is whole, and can be followed by another."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.publish.gc import Keep, collect_garbage
from parrot_py.drivers.cvmfs.publish.index import FileIndex
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.objects import PublishError
from parrot_py.drivers.cvmfs.publish.publication import Published, PublishOptions, publish
from parrot_py.drivers.cvmfs.publish.verify import Report, verify
from tests.drivers.publish_trees import assert_same, make_small_tree
from tests.drivers.test_publish import FQRN, NOW, read

OPTIONS = PublishOptions(now=NOW, garbage_collectable=True)
CHECKOUT = Path(__file__).resolve().parents[2]

# Runs the command after which the arguments are; the call of os.<first> whose number is <second> kills or stops it.
VICTIM = """
import os, sys
from parrot_py.drivers.cvmfs.publish.cli import main
name, last, signal = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
real, calls = getattr(os, name), 0
def counted(path, *rest, **more):
    global calls
    calls += "/web/" in str(path)
    if calls == last:
        os.kill(os.getpid(), signal)
    return real(path, *rest, **more)
setattr(os, name, counted)
sys.exit(main(sys.argv[4:]))
"""


def command(call: str, number: int, how: signal.Signals, place: Path, keys: RepositoryKeys, *more: str) -> list[str]:
    where = ["--name", FQRN, "--output", str(place / "web"), "--keys", str(keys.directory), "--now", str(NOW + 1)]
    return [sys.executable, "-c", VICTIM, call, str(number), str(int(how)), *where, *more]


def check(done: Published) -> Report:
    return verify(str(done.repository), FQRN, [done.public_key], options=OPTIONS)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_small_tree(tmp_path / "source")


@pytest.mark.parametrize("number", [1, 5, 8, 9, 99])
def test_a_killed_publication(source: Path, tmp_path: Path, repository_keys: RepositoryKeys, number: int) -> None:
    first = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    source.joinpath("busy/inner/file").write_text("new")
    source.joinpath("busy/more").write_text("more")
    arguments = command("rename", number, signal.SIGKILL, tmp_path, repository_keys, "--source", str(source))
    died = subprocess.run(arguments, cwd=CHECKOUT, capture_output=True, check=False).returncode
    assert died == (0 if number == 99 else -signal.SIGKILL)
    report = check(first)
    assert (report.problems, report.revision) == ([], 2 if number == 99 else 1)
    # The reflog is replaced just before the manifest: it may know a revision that never came.
    assert bool(report.notes) is (number in (8, 9))
    done = publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, now=NOW + 2))
    assert_same(read(done), source)
    assert list(done.repository.rglob(".publish-*")) == []
    collect_garbage(tmp_path / "web", repository_keys, Keep(revisions=9, grace=0), OPTIONS)
    report = check(done)
    assert (report.problems, report.notes, report.orphans) == ([], [], 0)


@pytest.mark.parametrize(("call", "number"), [("rename", 1), ("rename", 4), ("unlink", 2)])
def test_a_killed_collection(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys, call: str, number: int
) -> None:
    for revision in range(4):
        source.joinpath("busy/inner/file").write_text(f"revision {revision}")
        done = publish(source, tmp_path / "web", repository_keys, replace(OPTIONS, now=NOW + revision))
    collect = ["--gc", "--keep-revisions", "1", "--grace", "0s"]
    arguments = command(call, number, signal.SIGKILL, tmp_path, repository_keys, *collect)
    died = subprocess.run(arguments, cwd=CHECKOUT, capture_output=True, check=False).returncode
    assert died == -signal.SIGKILL
    assert check(done).problems == []
    collect_garbage(tmp_path / "web", repository_keys, Keep(revisions=1, grace=0), OPTIONS)
    report = check(done)
    assert (report.problems, report.notes, report.orphans, report.revisions) == ([], [], 0, 2)
    assert_same(read(done), source)


def test_a_second_publisher_is_refused_as_long_as_the_first_lives(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys
) -> None:
    publish(source, tmp_path / "web", repository_keys, OPTIONS)
    source.joinpath("busy/more").write_text("more")
    arguments = command("rename", 1, signal.SIGSTOP, tmp_path, repository_keys, "--source", str(source))
    with subprocess.Popen(arguments, cwd=CHECKOUT) as holder:
        try:
            assert os.WIFSTOPPED(os.waitpid(holder.pid, os.WUNTRACED)[1])
            with pytest.raises(PublishError, match="somebody else is publishing"):
                publish(source, tmp_path / "web", repository_keys, OPTIONS)
        finally:
            holder.kill()
    assert publish(source, tmp_path / "web", repository_keys, OPTIONS).revision == 2


def test_an_interruption_after_the_commit_takes_nothing_back(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(source, tmp_path / "web", repository_keys, OPTIONS)
    source.joinpath("busy/more").write_text("more")

    def interrupted(_: FileIndex) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FileIndex, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        publish(source, tmp_path / "web", repository_keys, OPTIONS)
    monkeypatch.undo()
    done = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    assert (done.revision, done.changed) == (2, False)
    assert_same(read(done), source)
    assert check(done).problems == []


def test_a_file_system_that_locks_no_directories(
    source: Path, tmp_path: Path, repository_keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS, where an exclusive lock needs a file that is open for writing."""
    flock = fcntl.flock

    def files_only(handle: int, operation: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(handle, operation)

    monkeypatch.setattr("fcntl.flock", files_only)
    done = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    with open(done.repository / ".publish.lock", "r+b") as held:
        flock(held, fcntl.LOCK_EX)
        with pytest.raises(PublishError, match="somebody else is publishing"):
            publish(source, tmp_path / "web", repository_keys, OPTIONS)
    assert publish(source, tmp_path / "web", repository_keys, OPTIONS).revision == 1

    def none(handle: int, _: int) -> None:
        raise OSError(errno.EBADF if stat.S_ISDIR(os.fstat(handle).st_mode) else errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    with pytest.raises(PublishError, match="lies on a file system without locks"):
        publish(source, tmp_path / "web", repository_keys, OPTIONS)
