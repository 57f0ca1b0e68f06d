"""The cache: what is in it is right, whoever else uses it and whenever anybody is killed."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import signal
import stat
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.cache.local import Cache
from tests.drivers.cvmfs.conftest import Site
from tests.drivers.cvmfs.trouble import refused
from tests.drivers.cvmfs.truth import BASIC, SHAKE, load_truth
from tests.support.httpd import Fault

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture
CERTIFICATE = "84/1b49743875582b6de740d9a89d2c3c9d292402"
OTHER_CERTIFICATE = "b6/ea3d7cea182da4bea72fcaa3c1499bcfaed863-shake128"


def start_reader(site: Site, *paths: str) -> subprocess.Popen[str]:
    url = f"{site.server.url}/cvmfs/{BASIC}"
    command = [sys.executable, "-m", "tests.drivers.cvmfs.reader", BASIC, url, str(site.keys[BASIC]), str(site.cache)]
    return subprocess.Popen([*command, *paths], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])


def big_file(real: Path) -> tuple[str, str]:
    """Path and SHA-256 of the biggest file of ``basic``."""
    files = [fact for fact in load_truth(real / BASIC, BASIC, "").values() if fact["type"] == "file"]
    fact = max(files, key=lambda fact: int(fact["size"]))
    return fact["path"], fact["sha256"]


def test_layout_and_modes(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC))
    dict(repository.walk())
    local = repository.materialise(repository.lookup(b"/README"))
    text = repository.getxattr(repository.lookup(b"/README"), b"user.hash").decode()
    assert local == f"{site.cache}/{text[:2]}/{text[2:]}"
    for path in site.objects():
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == (0o755 if os.getuid() == 0 else 0o700)
        else:
            catalog = path.read_bytes()[:6] == b"SQLite"
            assert mode == (0o600 if path.name.startswith("cvmfschecksum.") else 0o444 if catalog else 0o555)
            assert re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{38}|cvmfschecksum\..*", str(path.relative_to(site.cache)))
    assert list((site.cache / "txn").iterdir()) == []


def test_objects_can_be_executed(site: Site, opened: Open, real: Path) -> None:
    truth = load_truth(real / BASIC, BASIC, "")
    repository = opened(site.config(BASIC))
    scripts = [path for path, fact in truth.items() if fact["type"] == "file" and repository.read(path)[:3] == b"#!/"]
    assert scripts
    assert os.access(repository.materialise(repository.lookup(scripts[0])), os.X_OK)


@pytest.mark.parametrize("damage", [b"", b"too short", b"x" * 1000])
def test_an_object_of_the_wrong_size_is_replaced(site: Site, opened: Open, damage: bytes) -> None:
    local = opened(site.config(BASIC)).materialise(opened(site.config(BASIC)).lookup(b"/README"))
    good = Path(local).read_bytes()
    os.chmod(local, 0o644)
    Path(local).write_bytes(damage)
    assert opened(site.config(BASIC)).read(b"/README") == good


@pytest.mark.parametrize("length", [0, 100, 5000])
def test_a_truncated_catalog_in_the_cache_is_replaced(site: Site, opened: Open, length: int) -> None:
    root = opened(site.config(BASIC)).root_hash
    local = site.cache / root[:2] / root[2:]
    os.chmod(local, 0o644)
    os.truncate(local, length)
    assert opened(site.config(BASIC)).read(b"/README")
    assert site.server.count("*C") == 2


def test_a_catalog_damaged_in_the_cache_is_replaced(site: Site, opened: Open) -> None:
    root = opened(site.config(BASIC)).root_hash
    local = site.cache / root[:2] / root[2:]
    os.chmod(local, 0o644)
    local.write_bytes(local.read_bytes()[:4096] + b"\xa5" * (local.stat().st_size - 4096))
    assert opened(site.config(BASIC)).read(b"/README")
    assert site.server.count("*C") == 2


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_certificate_damaged_in_the_cache_is_replaced(site: Site, opened: Open, damage: bytes | None) -> None:
    opened(site.config(BASIC)).lookup(b"")
    opened(site.config(SHAKE)).lookup(b"")
    first, other = (site.cache / name for name in (CERTIFICATE, OTHER_CERTIFICATE))
    good = first.read_bytes()
    os.chmod(first, 0o644)
    first.write_bytes(other.read_bytes() if damage is None else damage)
    opened(site.config(BASIC)).lookup(b"")
    assert first.read_bytes() == good


def test_what_was_evicted_is_fetched_again(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC))
    inode = repository.lookup(b"/README")
    local = repository.materialise(inode)
    os.unlink(local)
    assert repository.materialise(inode) == local
    for path in site.objects():
        if path.is_file():
            path.unlink()
    (site.cache / "txn").rmdir()
    assert repository.read(b"/README")


def test_processes_share_a_cold_cache(site: Site, real: Path) -> None:
    path, want = big_file(real)
    site.server.fault("*", Fault(delay=0.02))
    readers = [start_reader(site, path, "/README") for _ in range(4)]
    for reader in readers:
        out, _ = reader.communicate(timeout=60)
        assert out.splitlines()[0] == want
        assert reader.returncode == 0
    assert list((site.cache / "txn").iterdir()) == []


def verify_objects(site: Site, real: Path) -> int:
    """Assert that every object in the cache is whole and right; returns how many there are."""
    stored = real / BASIC / "www" / BASIC / "data"
    checked = 0
    for path in site.cache.glob("[0-9a-f][0-9a-f]/*"):
        if not path.name.endswith("-chunked"):
            (packed,) = [p for p in (stored / path.parent.name).glob(f"{path.name}*") if len(p.name) <= 39]
            assert zlib.decompress(packed.read_bytes()) == path.read_bytes()
        else:
            assert hashlib.sha256(path.read_bytes()).hexdigest() in {
                fact["sha256"] for fact in load_truth(real / BASIC, BASIC, "").values() if fact["type"] == "file"
            }
        checked += 1
    return checked


def test_kill_at_any_time_leaves_nothing_wrong(site: Site, real: Path) -> None:
    path, want = big_file(real)
    other = "/README"
    site.server.fault("*P", Fault(delay=0.03))
    for requests in (1, 3, 4, 6, 9, 12):
        before = len(site.server.requests)
        reader = start_reader(site, other, path)
        while len(site.server.requests) < before + requests and reader.poll() is None:
            time.sleep(0.002)
        reader.send_signal(signal.SIGKILL)
        reader.communicate(timeout=60)
        verify_objects(site, real)
    assert list((site.cache / "txn").iterdir())
    reader = start_reader(site, path)
    assert reader.communicate(timeout=60)[0].strip() == want
    assert verify_objects(site, real) >= 3
    assert list((site.cache / "txn").iterdir()) == []


def test_only_abandoned_files_are_swept(tmp_path: Path) -> None:
    first = Cache(tmp_path)
    fd, ours = first.temporary()
    foreign, old = tmp_path / "txn" / "fetch.other-host.1.2.3", tmp_path / "txn" / "fetchAbCdEf"
    foreign.touch()
    old.touch()
    os.utime(old, (1, 1))
    dead = tmp_path / "txn" / re.sub(r"\.(\d+)\.(\d+)\.(\d+)\.$", r".\1.9.\3.", os.path.basename(ours))
    dead.touch()
    second_fd, second = Cache(tmp_path).temporary()
    assert {str(path) for path in (tmp_path / "txn").iterdir()} == {ours, str(foreign), second}
    os.close(fd)
    os.close(second_fd)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_enospc(
    site: Site, opened: Open, caplog: Log, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    repository = opened(site.config(SHAKE))
    plain, chunked = repository.lookup(b"/README"), repository.lookup(b"/external/chunked5m")

    def full(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("parrot_py.drivers.cvmfs.cache.local.Transaction.write", full)
    monkeypatch.setattr("parrot_py.drivers.cvmfs.cache.pieces.os.pwrite", full)
    refused(caplog, lambda: repository.materialise(plain), os.strerror(code), errno.ENOSPC)
    refused(caplog, lambda: repository.materialise(chunked), os.strerror(code), errno.ENOSPC)
    assert list((site.cache / "txn").iterdir()) == []


def test_a_cache_that_cannot_be_made_is_made_elsewhere(site: Site, opened: Open, caplog: Log) -> None:
    site.cache.write_text("a file in the way")
    caplog.clear()
    repository = opened(site.config(BASIC, workspace=site.cache.parent))
    assert repository.read(b"/README")
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert f"cache {site.cache}" in line
    assert f"new content goes to {site.cache.parent}/cvmfs.private" in line


@pytest.mark.parametrize("call", ["os.open", "os.rename", "os.fchmod", "os.mkdir"])
def test_an_error_of_the_disk_is_a_miss(
    site: Site, opened: Open, caplog: Log, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    name = call.partition(".")[2]
    real: Callable[..., Any] = getattr(os, name)
    repository = opened(site.config(BASIC, workspace=site.cache.parent / "workspace"))
    inode = repository.lookup(b"/README")

    def broken(what: Any, *rest: Any, **more: Any) -> Any:
        at = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else str(what)
        if at.startswith(f"{site.cache}/"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), at)
        return real(what, *rest, **more)

    monkeypatch.setattr(os, name, broken)
    caplog.clear()
    local = repository.materialise(inode)
    assert local.startswith(str(site.cache.parent / "workspace"))
    assert Path(local).stat().st_size == inode.size
    assert repository.materialise(inode) == local


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_serves_what_it_has(site: Site, opened: Open) -> None:
    first = opened(site.config(BASIC))
    want = first.read(b"/README")
    os.chmod(site.cache, 0o500)
    assert opened(site.config(BASIC)).read(b"/README") == want
    os.chmod(site.cache, 0o700)
