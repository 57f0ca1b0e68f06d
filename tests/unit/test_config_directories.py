from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from parrot_py import config
from parrot_py.config import RunConfig, directories
from parrot_py.errors import ConfigError


def wanted(*argv: str) -> RunConfig:
    made = config.read([*argv, "ls"], {})
    assert isinstance(made, RunConfig)
    return made


@pytest.mark.parametrize(("uid", "mode"), [(0, 0o755), (1000, 0o700)])
def test_directories_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, mode: int) -> None:
    place = tmp_path / "a" / "b"
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(directories, "owners", lambda _: (uid, uid))
    before = os.umask(0o022)
    try:
        for _ in range(2):
            directories.prepare(wanted("-t", str(place)))
    finally:
        os.umask(before)
    assert stat.S_IMODE(place.stat().st_mode) == mode
    assert stat.S_IMODE((place / "cvmfs").stat().st_mode) == mode


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "theirs"
    place.mkdir()
    pretend(monkeypatch, place, 4242, behind=4242)
    with pytest.raises(ConfigError, match=r"belongs to user 4242, not to you: .* -t DIR"):
        directories.prepare(wanted("-t", str(place)))


def test_a_cache_of_somebody_else_is_refused_unless_it_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cvmfs"
    cache.mkdir()
    pretend(monkeypatch, cache, 4242, behind=4242)
    with pytest.raises(ConfigError, match="belongs to user 4242"):
        directories.prepare(wanted("-t", str(tmp_path)))
    directories.prepare(wanted("-t", str(tmp_path), "--cvmfs-alien-cache", str(cache)))


def test_a_link_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "link"
    (tmp_path / "mine").mkdir()
    place.symlink_to(tmp_path / "mine")
    directories.prepare(wanted("-t", str(place)))
    pretend(monkeypatch, place, 4242, behind=os.geteuid())
    with pytest.raises(ConfigError, match="belongs to user 4242"):
        directories.prepare(wanted("-t", str(place)))


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("file", "file/sub"):
        with pytest.raises(ConfigError, match=r"cannot make the directory .*: choose another place with -t DIR"):
            directories.prepare(wanted("-t", str(tmp_path / place)))


def test_a_directory_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match="cannot write to the directory"):
        directories.prepare(wanted("-t", str(tmp_path)))


def pretend(monkeypatch: pytest.MonkeyPatch, place: Path, uid: int, behind: int) -> None:
    """Let *place* belong to *uid*, and the directory behind it to *behind*."""
    real = directories.owners
    monkeypatch.setattr(directories, "owners", lambda path: (uid, behind) if path == place else real(path))
