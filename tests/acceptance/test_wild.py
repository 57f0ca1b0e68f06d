"""Command lines as wrappers in the wild have them, apart from names of hosts and repositories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment
from tests.support.sites import Site

HELLO = f"{tree.TOP}/hello.txt"


class Bare(Parrot):
    """Gives parrot_run nothing but what the test says."""

    def command(self, argv, options=()):  # type: ignore[no-untyped-def]
        return [*places.launcher(), *options, *argv]


@pytest.fixture
def bare(home: Path) -> Bare:
    return Bare(home)


def launch(bare: Bare, words: list[str], more: Mapping[str, str]) -> Outcome:
    return bare.run(words, env=environment(bare.home, more))


def text() -> bytes:
    return (tree.twin_tree().plain / "hello.txt").read_bytes()


def _kept(scratch: Path) -> list[str]:
    """What is directly below /tmp and above the scratch directory stays where it is."""
    top = "/".join(scratch.parts[:3]).replace("//", "/")
    return ["-M", f"{top}={top}"] if scratch.parts[1] == "tmp" else []


def test_tiradani_s_self_test_and_job(bare: Bare, twin: Site, home: Path) -> None:
    env = {"PARROT_CVMFS_REPO": twin.entry(tree.NAME), "HTTP_PROXY": "DIRECT;"}
    tested = launch(bare, ["-d", "cvmfs", "-o", str(home / "log"), "-t", str(home / "tmp1"), "test", "-e", HELLO], env)
    assert tested.status == 0, tested
    scratch = places.fresh(home / "scratch")
    places.fresh(scratch / "tmp")
    words = ["-t", str(home / "tmp1"), "-M", f"/tmp={scratch}/tmp", *_kept(scratch), "-H", "-u", "glidusr1234"]
    words += ["--", "/bin/sh", "-c", f"cat {HELLO} && echo x >/tmp/y && cat {scratch}/tmp/y"]
    env["PARROT_HELPER"] = "/usr/lib/libparrot_helper.so"
    told = launch(bare, words, env).expect()
    assert told.stdout == text() + b"x\n"


def test_pyglidein(bare: Bare, twin: Site, home: Path) -> None:
    env = {"PARROT_CVMFS_REPO": f"<default-repositories> {twin.entry(tree.NAME)}", "http_proxy": ""}
    told = launch(bare, ["-p", "DIRECT", "-t", str(home / "t"), "--", "cat", HELLO], env).expect()
    assert told.stdout == text()


def test_lobster(bare: Bare, twin: Site, home: Path) -> None:
    (home / "siteconf").mkdir()
    (home / "siteconf" / "site.xml").write_text("site")
    places.give_all(home / "siteconf")
    env = {
        "PARROT_CVMFS_REPO": f"<default-repositories> {twin.entry(tree.NAME)}",
        "PARROT_ALLOW_SWITCHING_CVMFS_REPOSITORIES": "TRUE",
        "PARROT_CVMFS_ALIEN_CACHE": str(home / "alien"),
        "PARROT_DEBUG_FLAGS": "",
    }
    words = ["-M", f"{tree.TOP}/SITECONF/local={home}/siteconf", "-M", "/sbin/ifconfig=/bin/echo"]
    script = f"cat {tree.TOP}/SITECONF/local/site.xml; /sbin/ifconfig up"
    words += ["-t", str(home / "t"), "-p", "DIRECT", "/bin/sh", "-c", script]
    assert launch(bare, words, env).expect().stdout == b"siteup\n"


def test_atlas_connect(bare: Bare, twin: Site, home: Path) -> None:
    words = ["--with-snapshots", "--timeout", "900", "--tempdir", str(home / "t"), "--proxy", "DIRECT"]
    words += ["--mount", "/opt/ace=/usr/bin", "--cvmfs-repo-switching"]
    words += ["--cvmfs-repos", f"<default-repositories> {twin.entry(tree.NAME)}", "/opt/ace/cat", HELLO]
    env = {"PARROT_HELPER": "/opt/parrot/$LIB/libparrot_helper.so"}
    assert launch(bare, words, env).expect().stdout == text()


def test_skeleton_key_and_vc3(bare: Bare, twin: Site, home: Path) -> None:
    env = {
        "OSG_SQUID_LOCATION": "UNAVAILABLE",
        "PARROT_HELPER": "libparrot_helper.so",
        "PARROT_ALLOW_SWITCHING_CVMFS_REPOSITORIES": "1",
        "PARROT_CVMFS_REPO": twin.entry(tree.NAME),
        "TMPDIR": str(home),
    }
    assert launch(bare, ["cat", HELLO], env).expect().stdout == text()
    assert launch(bare, ["-p", "DIRECT", "--", "cat", HELLO], env).expect().stdout == text()


def test_plancton(bare: Bare, twin: Site, home: Path) -> None:
    env = {
        "PARROT_CVMFS_REPO": f"<default-repositories> {twin.entry(tree.NAME)}",
        "HTTP_PROXY": "DIRECT;",
        "PARROT_CVMFS_ALIEN_CACHE": str(home / "cache"),
        "PARROT_TEMP_DIR": str(home / "t"),
    }
    assert launch(bare, ["-U1234", "cat", HELLO], env).expect().stdout == text()


@pytest.mark.parametrize("proxy", ["DIRECT;", ";DIRECT", "DIRECT"])
def test_ucl_and_surf(bare: Bare, twin: Site, home: Path, proxy: str) -> None:
    env = {
        "PARROT_CVMFS_REPO": f"{tree.NAME}:url={twin.url(tree.NAME)},pubkey={twin.keys[tree.NAME]}",
        "HTTP_PROXY": proxy,
        "PARROT_HTTP_PROXY": proxy,
        "TMPDIR": str(home),
    }
    assert launch(bare, ["cat", HELLO], env).expect().stdout == text()


def test_cernvm_in_a_container(bare: Bare, twin: Site, home: Path) -> None:
    """The whole root from a repository: what is not in it is not there, and /cvmfs itself still is."""
    env = {"PARROT_CVMFS_REPO": twin.entry(tree.NAME), "PARROT_TEMP_DIR": str(home / "t"), "PARROT_OPTIONS": ""}
    told = launch(bare, ["-M", f"/soft={tree.TOP}", "/bin/cat", "/soft/hello.txt", HELLO], env).expect()
    assert told.stdout == 2 * text()
