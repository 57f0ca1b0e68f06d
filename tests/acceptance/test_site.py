"""``parrot_run`` with a site's /etc/cvmfs and its configuration repository, and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.publication import publish
from tests.support.httpd import Server
from tests.support.parrot import Parrot, environment

CONFIG, FQRN = "config.parrot.test", "sw.parrot.test"


def published(place: Path, name: str, files: dict[str, str]) -> Path:
    """Publish *files* as the repository *name*; its public key."""
    for each, text in files.items():
        path = place / name / each
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    keys = open_keys(place / f"{name}-keys", name)
    publish(place / name, place / "web", keys)
    subprocess.run(["chmod", "-R", "a+rX", str(place)], check=True)
    return keys.public_key_file


@pytest.fixture
def site(home: Path) -> Iterator[Server]:
    """Two repositories: the key and the server of one of them stand in the other one only."""
    key = published(home, FQRN, {"hello": "hello\n"})
    with Server({f"/cvmfs/{name}": home / "web" / name for name in (CONFIG, FQRN)}) as server:
        inner = f"""
            PLACE=$CVMFS_MOUNT_DIR/$CVMFS_CONFIG_REPOSITORY/etc/cvmfs
            CVMFS_KEYS_DIR=$PLACE/keys
            if [ -r "$PLACE/keys/sw.pub" ]; then
                CVMFS_SERVER_URL="{server.url}/cvmfs/@fqrn@"
            fi
        """
        files = {"etc/cvmfs/domain.d/parrot.test.conf": inner, "etc/cvmfs/keys/sw.pub": key.read_text()}
        config_key = published(home, CONFIG, files)
        etc = home / "etc"
        for directory in ("default.d", "config.d"):
            (etc / directory).mkdir(parents=True)
        (etc / "default.d" / "50-test.conf").write_text(f"CVMFS_CONFIG_REPOSITORY={CONFIG}\nCVMFS_HTTP_PROXY=DIRECT\n")
        (etc / "config.d" / f"{CONFIG}.conf").write_text(
            f"CVMFS_SERVER_URL={server.url}/cvmfs/@fqrn@\nCVMFS_PUBLIC_KEY={config_key}\n"
        )
        subprocess.run(["chmod", "-R", "a+rX", str(home)], check=True)
        yield server


def test_a_repository_that_only_the_site_knows(site: Server, home: Path, parrot: Callable[..., Parrot]) -> None:
    env = environment(home, {"PARROT_CVMFS_ETC": str(home / "etc")})
    run = parrot()
    script = f"cat /cvmfs/{FQRN}/hello & cat /cvmfs/{FQRN}/hello; wait; ls /cvmfs/{FQRN}"
    assert run.run(["/bin/sh", "-c", script], env=env).expect().stdout == b"hello\nhello\nhello\n"
    assert site.count(f"/cvmfs/{CONFIG}/.cvmfspublished") == 1
    told = run.run([FQRN], options=["--print-config"], env=env).expect().text()
    assert (
        f"CVMFS_SERVER_URL={site.url}/cvmfs/{FQRN}    # from /cvmfs/{CONFIG}/etc/cvmfs/domain.d/parrot.test.conf:5"
        in told
    )


def test_nothing_of_it_is_read_without_need(site: Server, home: Path, parrot: Callable[..., Parrot]) -> None:
    env = environment(home, {"PARROT_CVMFS_ETC": str(home / "etc")})
    parrot().run(["/bin/sh", "-c", "ls /cvmfs /tmp >/dev/null; ls /cvmfs/.hidden 2>/dev/null; true"], env=env).expect()
    assert site.requests == []


def test_trouble_with_the_configuration_is_an_error_of_the_name(
    site: Server, home: Path, parrot: Callable[..., Parrot]
) -> None:
    (home / "etc" / "default.local").write_text("CVMFS_CONFIG_REPO_REQUIRED=yes\n")
    site.stop()
    env = environment(home, {"PARROT_CVMFS_ETC": str(home / "etc")})
    run = parrot(options=["-T", "3", "--cvmfs-option", "CVMFS_MAX_RETRIES=0"])
    outcome = run.run(
        ["/bin/sh", "-c", f"ls /cvmfs/{FQRN}/; ls /cvmfs/{FQRN} /cvmfs/no.such.name; echo alive"], env=env
    )
    assert outcome.stdout == b"alive\n"
    assert outcome.stderr.count(b"Input/output error") == 3
    assert b"the configuration repository config.parrot.test cannot be read" in outcome.log
