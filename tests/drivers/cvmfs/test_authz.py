"""Access to protected repositories, decided by real helper programs: good ones, refusing ones and broken ones."""

from __future__ import annotations

import base64
import errno
import functools
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.net.tls import Credentials
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.cvmfs.trust import authz
from parrot_py.drivers.cvmfs.trust.authz import Asker, Gate, HelperError
from parrot_py.drivers.cvmfs.trust.authz_helper import decode, decode_head, read_permit
from tests.drivers.cvmfs.helpers import MEMBERSHIP, NOBODY, dead, install, lines, serve
from tests.support.processes import eventually

Log = pytest.LogCaptureFixture
Make = Callable[..., Gate]


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """``gate(body)``: a gate whose helper program does *body*; requires MEMBERSHIP of the schema ``test``."""
    monkeypatch.setattr(authz, "PATIENCE", 10.0)
    made = []

    def make(body: str, requirement: bytes | None = b"test%" + MEMBERSHIP, who: Asker = NOBODY, **changes: Any) -> Gate:
        install(tmp_path, body)
        config = RepositoryConfig("a.test", (), (), tmp_path / "cache", authz_search_path=tmp_path, **changes)
        made.append(Gate(config, lambda: who))
        made[-1].require(requirement)
        return made[-1]

    yield make
    for it in made:
        it.close()


def refused(it: Gate, code: int, pattern: str) -> None:
    with pytest.raises(Failure, match=pattern) as failed:
        it.check()
    assert failed.value.code == code


def test_nobody_is_asked_about_a_public_repository(gate: Make, tmp_path: Path) -> None:
    for nothing in (None, b"", b" \n"):
        it = gate("", nothing)
        it.check()
        assert it.credentials() is None
    assert not (tmp_path / "started").exists()


def test_a_member_is_let_in_and_asked_once(gate: Make, tmp_path: Path) -> None:
    it = gate(serve("put(3, status=0)"), authz_environ={"CERTS": "/certs", "PATH": "/nowhere"})
    for _ in range(3):
        it.check()
    ((_, environ),) = lines(tmp_path / "started")
    assert {k: environ[k] for k in ("CERTS", "PATH", "CVMFS_AUTHZ_HELPER")} == {
        "CERTS": "/certs",
        "PATH": "/nowhere",
        "CVMFS_AUTHZ_HELPER": "yes",
    }
    hello, question = lines(tmp_path / "asked")
    assert (hello["msgid"], hello["revision"], hello["fqrn"]) == (0, 0, "a.test")
    assert (question["msgid"], question["uid"], question["gid"]) == (2, 4711, 42)
    assert question["pid"] == os.getpid()
    assert base64.b64decode(question["membership"]) == MEMBERSHIP
    it.close()
    assert lines(tmp_path / "asked")[-1]["msgid"] == 4


@pytest.mark.parametrize(
    ("status", "why"),
    [(1, "no credentials were found"), (2, "not valid"), (3, "not a member"), (4, "no helper"), (5, "does not know")],
)
def test_who_is_no_member_is_refused_in_one_line(gate: Make, caplog: Log, status: int, why: str) -> None:
    it = gate(serve(f"put(3, status={status}, ttl=50)"))
    for _ in range(3):
        refused(it, errno.EACCES, rf"access needs test%/test\.vo/Role=pilot: .*{why}")
    assert len(caplog.records) == 1


def test_an_answer_holds_for_its_time(gate: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = gate(serve(f"put(3, status=3 * os.path.exists({str(tmp_path / 'bad')!r}), ttl=1000)"))
    it.check()
    (tmp_path / "bad").touch()
    it.check()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1001)
    refused(it, errno.EACCES, "not a member")
    assert len(lines(tmp_path / "started")) == 1


def test_another_requirement_is_another_question(gate: Make, tmp_path: Path) -> None:
    it = gate(serve("put(3, status=0)"))
    it.check()
    it.require(b"test%other")
    it.check()
    it.require(b"test%other ")
    it.check()
    asked = [base64.b64decode(m["membership"]) for m in lines(tmp_path / "asked") if m["msgid"] == 2]
    assert asked == [MEMBERSHIP, b"other"]


def test_root_passes_with_what_credentials_there_are(gate: Make, caplog: Log) -> None:
    it = gate(serve("put(3, status=1)"), who=NOBODY._replace(uid=0))
    it.check()
    assert it.credentials() is None
    assert caplog.records == []
    it = gate(serve("put(3, status=0, bearer_token='abc')"), who=NOBODY._replace(uid=0))
    assert it.credentials() == Credentials(token="abc")


def test_credentials_are_handed_on(gate: Make) -> None:
    assert gate(serve("put(3, status=0, bearer_token='a.b-c')")).credentials() == Credentials(token="a.b-c")
    pem = base64.encodebytes(b"-----BEGIN" + b"x" * 200).decode()
    it = gate(serve(f"put(3, status=0, x509_proxy={pem!r})"))
    assert it.credentials() == Credentials(x509=b"-----BEGIN" + b"x" * 200)
    assert gate(serve("put(3, status=0)")).credentials() is None
    it = gate(serve("put(3, status=3, bearer_token='abc')"))
    with pytest.raises(Failure, match="not a member"):
        it.credentials()


BROKEN = {
    "it ends at once": ("sys.exit(1)", "ended without an answer|does not take the question"),
    "it ends at the question": (serve("sys.exit(1)"), "ended without an answer"),
    "it answers half": (serve("sys.stdout.buffer.write(b'xx'); sys.exit(0)"), "ended without an answer"),
    "it is not ready": ("get(); put(3)", "sends message 3 instead of 1"),
    "it speaks of the future": ("get(); raw(b'{}', 2)", "speaks version 2"),
    "it prints": ("print('hello world, how are you')", "speaks version|takes the question"),
    "it sends no JSON": (serve("raw(b'nonsense')"), "sends something that is no message"),
    "it sends a list": (serve("raw(b'[1, 2]')"), "sends something that is no message"),
    "it sends another message": (serve("put(1)"), "sends message 1 instead of 3"),
    "it nests": (serve("raw(b'[' * 500000)"), "sends something that is no message"),
    "it sends a huge message": (
        "get(); sys.stdout.buffer.write(struct.pack('=II', 1, 2**31)); sys.stdout.flush(); get()",
        "2147483648 bytes",
    ),
    "it has no status": (serve("put(3)"), "permit without a status"),
    "its time is none": (serve("put(3, status=0, ttl='long')"), "permit without a status"),
    "its time is before": (serve("put(3, status=0, ttl=-1)"), "permit without a status"),
    "its token is two lines": (serve(r"put(3, status=0, bearer_token='a\nb')"), "sends a token that is none"),
    "its proxy is none": (serve("put(3, status=0, x509_proxy='!!')"), "not base64"),
    "its proxy is a number": (serve("put(3, status=0, x509_proxy=7)"), "not base64"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_helper_is_trouble_in_one_line(gate: Make, caplog: Log, tmp_path: Path, case: str) -> None:
    body, pattern = BROKEN[case]
    it = gate(body)
    for _ in range(3):
        refused(it, errno.EIO, rf"helper program .*cvmfs_test_helper .*({pattern})")
    assert len(caplog.records) == 1
    assert len(lines(tmp_path / "started")) == 1


@pytest.mark.parametrize(
    "body", ["time.sleep(60)", serve("time.sleep(60)"), serve("raw(b'x' * 9)[:4]; time.sleep(60)")]
)
def test_a_helper_that_hangs_is_killed(gate: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setattr(authz, "PATIENCE", 0.7)
    it = gate(body)
    refused(it, errno.EIO, "gives no answer within 0.7 s|no message|ended")
    for pid, _ in lines(tmp_path / "started"):
        eventually(functools.partial(dead, pid), what="the end of the helper")


def test_closing_does_not_wait_for_a_helper(gate: Make, tmp_path: Path) -> None:
    it = gate(serve("time.sleep(60)"))
    failures: list[Failure] = []

    def ask() -> None:
        try:
            it.check()
        except Failure as failure:
            failures.append(failure)

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(lambda: len(lines(tmp_path / "asked")) == 2, what="the question")
    it.close()
    thread.join(60)
    assert [failure.code for failure in failures] == [errno.EIO]
    refused(it, errno.EIO, "helper program")


def test_a_crashed_helper_is_started_again_at_most_once_a_minute(
    gate: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = gate(serve(f"sys.exit(1) if os.path.exists({str(tmp_path / 'crash')!r}) else put(3, status=0, ttl=1)"))
    now, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now() + passed[0])
    it.check()
    (tmp_path / "crash").touch()
    passed[0] += 30
    refused(it, errno.EIO, "ended without an answer")
    passed[0] += 29
    refused(it, errno.EIO, "ended without an answer")
    assert len(lines(tmp_path / "started")) == 1
    (tmp_path / "crash").unlink()
    passed[0] += 35
    it.check()
    assert len(lines(tmp_path / "started")) == 2
    ((pid, _),) = lines(tmp_path / "started")[1:]
    os.kill(pid, 9)
    eventually(functools.partial(dead, pid), what="the end of the helper")
    passed[0] += 100
    it.check()  # it had run for long
    assert len(lines(tmp_path / "started")) == 3


def test_no_helper_is_said_with_the_remedy(gate: Make, tmp_path: Path, caplog: Log) -> None:
    it = gate("", b"other%x")
    refused(
        it, errno.EACCES, r"protected by other: no helper program .*/cvmfs_other_helper \(install it, or name .*_PATH\)"
    )
    assert len(caplog.records) == 1
    another = gate(serve("put(3, status=0)"), b"other%x", authz_helper=tmp_path / "cvmfs_test_helper")
    another.check()


@pytest.mark.parametrize("requirement", [b"../../bin/sh%x", b"%x", b"a b%x", b"\xff%x", b"test%" + b"x" * 40000])
def test_an_absurd_requirement_starts_nothing(gate: Make, tmp_path: Path, requirement: bytes) -> None:
    refused(gate("", requirement), errno.EACCES, "no requirement")
    assert not (tmp_path / "started").exists()


def test_a_requirement_without_membership_is_asked_and_said(gate: Make, tmp_path: Path, caplog: Log) -> None:
    gate(serve("put(3, status=0)"), b"test").check()
    assert "is no requirement for access" in caplog.text
    assert lines(tmp_path / "asked")[1]["membership"] == ""


def test_permits_are_read_as_they_are() -> None:
    assert read_permit({"status": 0}).ttl == 120.0
    assert read_permit({"status": 77, "ttl": 1e300}).status == 5
    for bad in ({"status": True}, {"status": None}, {"status": 0, "ttl": float("nan")}, {"status": 0, "ttl": 1e999}):
        with pytest.raises(HelperError):
            read_permit(bad)
    with pytest.raises(HelperError):
        decode(b'{"cvmfs_authz_v1": 3}', 3)
    assert decode_head(b"\1\0\0\0\5\0\0\0") == 5
