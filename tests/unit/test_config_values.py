from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py.config import values
from parrot_py.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30", 30), ("30s", 30), ("5m", 300), ("1h", 3600), ("1d", 86400), ("0.5", 0.5), ("1H", 3600), ("2.", 2)],
)
def test_times(text: str, expected: float) -> None:
    assert values.seconds(text, "-T") == expected


@pytest.mark.parametrize("text", ["", "s", "0", "-1", "1e3", "nan", "inf", "5 m", "5x", "1d1h", ".", "9" * 30, "²"])
def test_no_times(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        values.seconds(text, "-T")
    assert str(caught.value).startswith(f"-T: not a time: {text!r}")


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("4096", 4096), ("64K", 65536), ("10m", 10 << 20)])
def test_sizes(text: str, expected: int) -> None:
    assert values.size(text, "-O") == expected


@pytest.mark.parametrize("text", ["", "K", "-1", "1.5M", "1KB", "²", pytest.param("9" * 5000, id="endless")])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^-O: not a size: "):
        values.size(text, "-O")


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_numbers_never_fail_otherwise(text: str) -> None:
    for parse in (values.seconds, values.size):
        value, message = 0.0, "x: "
        try:
            value = parse(text, "x")
        except ConfigError as error:
            message = str(error)
        assert value >= 0
        assert message.startswith("x: ")


def test_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert values.absolute("a/../b", "x") == tmp_path / "b"
    assert values.absolute("/a/b", "x") == Path("/a/b")


def test_relative_path_in_a_lost_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = tmp_path / "lost"
    lost.mkdir()
    monkeypatch.chdir(lost)
    lost.rmdir()
    with pytest.raises(ConfigError, match="current directory is gone"):
        values.absolute("x", "-t")
    assert values.absolute("/x", "-t") == Path("/x")


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_no_path(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^-t: not a path"):
        values.absolute(text, "-t")


def test_debug_flags() -> None:
    always = {"fatal", "error", "notice"}
    assert values.debug_flags([], "-d") == always
    assert values.debug_flags(["cvmfs", "syscall process,resolve"], "-d") == always | {
        "cvmfs", "syscall", "process", "resolve",
    }  # fmt: skip
    assert values.debug_flags(["cvmfs", "clear", "http"], "-d") == always | {"http"}


def test_unknown_debug_flag() -> None:
    with pytest.raises(ConfigError, match=r"^-d: unknown debug flag 'cmvfs'"):
        values.debug_flags(["cmvfs"], "-d")
