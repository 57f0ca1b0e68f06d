"""``parrot_run --print-config``: every value with its origin, and nothing is started."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from parrot_py import cli, log
from parrot_py.config import parameters

KEY = "/etc/passwd"
Print = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Print:
    """``show(*argv)``: exit status, lines of stdout, stderr; the site's files are in ``etc``."""
    (tmp_path / "etc" / "domain.d").mkdir(parents=True)
    for name in ("HTTP_PROXY", "http_proxy", "OSG_SQUID_LOCATION", "GLIDEIN_Proxy_URL", "PARROT_CVMFS_REPO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PARROT_CVMFS_ETC", str(tmp_path / "etc"))
    monkeypatch.setenv("PARROT_TEMP_DIR", str(tmp_path / "temp"))

    def run(*argv: str) -> tuple[int, list[str], str]:
        try:
            status = cli.main(list(argv))
        finally:
            log.stop()
            logging.getLogger(log.ROOT).propagate = True
        out, err = capfd.readouterr()
        return status, out.splitlines(), err

    return run


def test_every_kind_of_origin(show: Print, tmp_path: Path) -> None:
    (tmp_path / "etc" / "default.local").write_text("CVMFS_MAX_TTL=3\nCVMFS_HTTP_PROXY=never:1\nSITE=here\n")
    (tmp_path / "file").write_text("\nCVMFS_MAX_RETRIES=4\n")
    entry = f"a.cern.ch:url=http://h/@fqrn@,pubkey={KEY},timeout=7"
    options = ("--cvmfs-option", "CVMFS_DNS_TIMEOUT=9", "--cvmfs-option-file", str(tmp_path / "file"))
    status, lines, err = show("-r", entry, *options, "-p", "http://me:secret@squid:1", "--print-config", "a.cern.ch")
    assert (status, err) == (0, "")
    for line in (
        "CVMFS_SERVER_URL=http://h/a.cern.ch    # from -r a.cern.ch",
        "CVMFS_TIMEOUT=7    # from -r a.cern.ch",
        f"CVMFS_PUBLIC_KEY={KEY}    # from -r a.cern.ch",
        "CVMFS_DNS_TIMEOUT=9    # from --cvmfs-option",
        f"CVMFS_MAX_RETRIES=4    # from {tmp_path}/file:2",
        f"CVMFS_MAX_TTL=3    # from {tmp_path}/etc/default.local:1",
        "CVMFS_HTTP_PROXY=http://me:***@squid:1    # from -p",
        "CVMFS_TIMEOUT_DIRECT=10    # from built-in",
        f"CVMFS_CACHE_DIR={tmp_path}/temp/cvmfs    # from the tempdir",
        "CVMFS_QUOTA_LIMIT=4000    # from built-in",
        f"SITE=here    # from {tmp_path}/etc/default.local:3",
        f"# read: {tmp_path}/etc/default.local",
    ):
        assert line in lines
    assert "secret" not in "\n".join(lines)


def test_what_nobody_configured(show: Print) -> None:
    status, lines, err = show("--print-config=cms.cern.ch")
    assert (status, err) == (0, "")
    assert "CVMFS_USE_GEOAPI=yes    # from built-in list" in lines
    assert any(line.startswith("CVMFS_SERVER_URL=http://cvmfs-stratum-one.cern.ch:8000/") for line in lines)
    assert any(line.startswith("CVMFS_PUBLIC_KEY=") and line.endswith("    # from built-in list") for line in lines)
    assert "CVMFS_HTTP_PROXY=DIRECT    # from built-in" in lines


def test_the_environment_is_named(show: Print, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "squid:3128")
    for argv in (("--print-config", "cms.cern.ch"), ("--print-config",)):
        assert "CVMFS_HTTP_PROXY=http://squid:3128    # from environment http_proxy" in show(*argv)[1]


def test_the_values_of_a_run(show: Print, tmp_path: Path) -> None:
    (tmp_path / "etc" / "default.conf").write_text("CVMFS_HTTP_PROXY=squid:1\nCVMFS_TIMEOUT=soon\nCVMFS_X=$(date)\n")
    status, lines, err = show("-T", "5m", "--cvmfs-option", "CVMFS_QUOTA_LIMIT=10", "--print-config")
    assert (status, err) == (0, "")
    assert lines == [
        f"PARROT_TEMP_DIR={tmp_path}/temp    # from environment PARROT_TEMP_DIR",
        "PARROT_TIMEOUT=300    # from --timeout",
        "PARROT_CVMFS_REPO=<default-repositories>    # from built-in",
        f"PARROT_CVMFS_ETC={tmp_path}/etc    # from environment PARROT_CVMFS_ETC",
        f"CVMFS_HTTP_PROXY=http://squid:1    # from {tmp_path}/etc/default.conf:1",
        f"CVMFS_TIMEOUT=5    # from built-in ({tmp_path}/etc/default.conf:2 is not understood)",
        f"CVMFS_CACHE_DIR={tmp_path}/temp/cvmfs    # from the tempdir",
        "CVMFS_QUOTA_LIMIT=10    # from --cvmfs-option",
        f"# warning: {tmp_path}/etc/default.conf:3: left out: the command 'date' is not run",
        f"# warning: {tmp_path}/etc/default.conf:2: CVMFS_TIMEOUT: not a time: 'soon' (write 30, 30s, 5m, 1h or 1d);"
        " ignored",
        f"# read: {tmp_path}/etc/default.conf",
    ]


@pytest.mark.parametrize("name", ["unknown.example.org", "/cvmfs/unknown.example.org/"])
def test_a_repository_without_servers(show: Print, name: str) -> None:
    status, lines, err = show("--print-config", name)
    assert (status, err) == (1, "")
    assert lines == ["unknown.example.org: no server is known, and the host has no /cvmfs/unknown.example.org [PP108]"]


def test_a_repository_that_nobody_configured(show: Print) -> None:
    assert show("-r", "a.cern.ch", "--print-config", "b.cern.ch") == (
        1,
        ["b.cern.ch: nobody configured such a repository [PP108]"],
        "",
    )


def test_one_at_a_time(show: Print) -> None:
    status, lines, err = show("--print-config", "a.cern.ch", "b.cern.ch")
    assert (status, lines) == (1, [])
    assert err == "parrot_run: --print-config: one repository at a time: a.cern.ch b.cern.ch [PP117]\n"


def test_a_mistake_is_one_line(show: Print, tmp_path: Path) -> None:
    (tmp_path / "etc" / "default.conf").write_text("CVMFS_CACHE_BASE=/b\nCVMFS_CACHE_DIR=/d\n")
    status, lines, err = show("-t", "", "--print-config")
    assert (status, lines) == (1, [])
    assert err.startswith("parrot_run: -t: not a path")


@pytest.mark.parametrize(
    "row", [r for r in parameters.by_name().values() if r.plain and r.default and r.has_effect], ids=lambda r: r.name
)
def test_every_default_is_shown(row: parameters.Parameter, show: Print) -> None:
    assert f"{row.name}={row.default}    # from built-in" in show("--print-config=softdrive.nl")[1]
