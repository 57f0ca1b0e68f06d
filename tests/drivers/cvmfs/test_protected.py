"""Protected repositories as the driver shows them: to members, to others, and when nobody can tell."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import WouldBlock, nonblocking
from parrot_py.drivers.cvmfs import Repository
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.helpers import MEMBERSHIP, NOBODY, dead, install, lines, serve
from tests.drivers.cvmfs.trouble import refused

Log = pytest.LogCaptureFixture
Reader = Callable[..., Repository]


def protected(forged: Forged, requirement: str = f"test%{MEMBERSHIP.decode()}") -> None:
    rows = [forged.forge.file(b"/secret", b"secret")]
    forged.forge.publish(rows, properties={"voms_authz": requirement, "revision": 1})


@pytest.fixture
def reader(forged: Forged, tmp_path: Path, opened: Callable[[RepositoryConfig], Repository]) -> Reader:
    """``reader(body)``: a protected repository, read by somebody about whom the helper program *body* decides."""

    def make(body: str, **changes: Any) -> Repository:
        install(tmp_path, body)
        repository = opened(forged.config(authz_search_path=tmp_path, **changes))
        repository.gate._asker = lambda: NOBODY
        return repository

    protected(forged)
    return make


def test_a_member_reads_a_protected_repository(reader: Reader, forged: Forged, tmp_path: Path) -> None:
    repository = reader(serve("put(3, status=0, bearer_token='secret-token')"))
    assert repository.read(b"/secret") == b"secret"
    assert [path for path, _ in repository.walk()] == [b"", b"/secret"]
    assert len(lines(tmp_path / "started")) == 1
    assert not any("Authorization" in headers for headers in forged.server.headers)  # never over plain http
    repository.close()
    ((pid, _),) = lines(tmp_path / "started")
    assert dead(pid)


def test_who_is_no_member_sees_nothing_of_it(reader: Reader, caplog: Log) -> None:
    it = reader(serve("put(3, status=3)"))
    line = refused(caplog, lambda: it.lookup(b""), "access needs .*: not a member", errno.EACCES)
    assert line.startswith("forged.parrot.test: ")
    calls: list[Callable[[], object]] = [
        lambda: it.lookup(b"/secret"),
        lambda: it.lookup(b"/no such name"),
        lambda: it.read(b"/secret"),
        lambda: it.revision,
    ]
    for call in calls:
        with pytest.raises(PermissionError):
            call()
    assert len(caplog.records) == 1


def test_what_was_looked_up_before_is_refused_when_the_answer_has_expired(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = reader(serve(f"put(3, status=3 * os.path.exists({str(tmp_path / 'bad')!r}), ttl=1000)"))
    root, inode = it.lookup(b""), it.lookup(b"/secret")
    (tmp_path / "bad").touch()
    assert it.materialise(inode)
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + 1001)
    calls: list[Callable[[], object]] = [
        lambda: it.materialise(inode),
        lambda: it.listdir(root),
        lambda: it.getxattr(inode, b"user.hash"),
        lambda: it.lookup(b"/secret"),
    ]
    for call in calls:
        with pytest.raises(PermissionError):
            call()


def test_a_hanging_helper_does_not_stop_the_tracer(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the tracer's thread the question is put off to a worker, as everything that may wait."""
    it = reader(serve("put(3, status=0, ttl=1000)"))
    with nonblocking(), pytest.raises(WouldBlock):
        it.lookup(b"")
    it.lookup(b"")
    with nonblocking():
        it.lookup(b"")
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + 1001)
    with nonblocking(), pytest.raises(WouldBlock):
        it.lookup(b"")
    it.lookup(b"")
