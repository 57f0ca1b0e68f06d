"""A configuration repository: read through the driver, with the keys and servers that the site's files name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_py import config
from parrot_py.config.effective import Effective
from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.publication import publish
from parrot_py.errors import ConfigError
from tests.support.httpd import Fault, Server

CONFIG, FQRN = "config.parrot.test", "sw.some.example.org"
FILES = {
    "default.conf": 'ORDER="$ORDER repo-default"\nCVMFS_HTTP_PROXY=DIRECT\nCVMFS_MAX_TTL=11\n',
    "common.conf": '[ -n "$CVMFS_USE_CDN" ] || CVMFS_USE_CDN=yes\n',
    "domain.d/some.example.org.conf": 'ORDER="$ORDER repo-domain"\nCVMFS_USE_CDN="$CVMFS_USE_CDN"\n. ../common.conf\n'
    "PLACE=$CVMFS_MOUNT_DIR/$CVMFS_CONFIG_REPOSITORY/etc/cvmfs\nCVMFS_KEYS_DIR=$PLACE/keys\n"
    'if [ "$CVMFS_USE_CDN" = yes ] && [ -d $PLACE/keys ]; then CVMFS_SERVER_URL=http://cdn/@fqrn@\n'
    "CVMFS_SERVER_URL=http://cdn/@fqrn@\nfi\n",
    f"config.d/{FQRN}.conf": 'ORDER="$ORDER repo-config"\n',
    "keys/one.pub": "first key",
    "keys/two.pub": "second key",
    "keys/README": "no key",
    "blacklist": "<gone.example.org 5\n",
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published configuration repository, and its key beside it."""
    place = tmp_path_factory.mktemp("config")
    for name, text in FILES.items():
        path = place / "tree" / "etc" / "cvmfs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    publish(place / "tree", place / "web", open_keys(place / "keys", CONFIG))
    return place


class Site:
    """A site that names the configuration repository in default.d."""

    def __init__(self, place: Path, web: Path, server: Server) -> None:
        self.place, self.server = place, server
        self.key = next((web / "keys").rglob("*.pub"))
        self.write(
            "default.d/50-test.conf",
            f"CVMFS_CONFIG_REPOSITORY={CONFIG}\nCVMFS_MOUNT_DIR=/cvmfs\nORDER=first\n",
        )
        self.write("default.local", 'ORDER="$ORDER local"\n')
        self.write("domain.d/some.example.org.conf", 'ORDER="$ORDER domain"\n')
        self.write(f"config.d/{FQRN}.local", 'ORDER="$ORDER config"\n')
        self.write(
            f"config.d/{CONFIG}.conf", f"CVMFS_SERVER_URL={server.url}/cvmfs/@fqrn@\nCVMFS_PUBLIC_KEY={self.key}\n"
        )

    def write(self, name: str, text: str) -> None:
        path = self.place / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *argv: str) -> config.RunConfig:
        environ = {"PARROT_CVMFS_ETC": str(self.place / "etc"), "PARROT_TEMP_DIR": str(self.place / "temp")}
        quick = [f"--cvmfs-option=CVMFS_{name}=0" for name in ("MAX_RETRIES", "BACKOFF_INIT", "BACKOFF_MAX")]
        wanted = config.read([*argv, "-T", "5", *quick, "ls"], environ)
        assert isinstance(wanted, config.RunConfig)
        return wanted

    def effective(self, name: str = FQRN, *argv: str) -> Effective:
        wanted = self.run(*argv)
        try:
            found = wanted.repositories.effective(name)
        finally:
            wanted.repositories.close()
        assert found is not None
        return found


@pytest.fixture
def site(tmp_path: Path, web: Path) -> Iterator[Site]:
    with Server({f"/cvmfs/{CONFIG}": web / "web" / CONFIG}) as server:
        yield Site(tmp_path, web, server)


def test_its_files_have_their_places_in_the_order(site: Site) -> None:
    found = site.effective()
    assert found.warnings == ()
    order = "first repo-default local repo-domain domain repo-config config"
    assert found.config.variables["ORDER"] == order
    assert found.settings["CVMFS_MAX_TTL"].origin == f"/cvmfs/{CONFIG}/etc/cvmfs/default.conf:3"
    assert found.config.max_ttl == 660
    assert found.config.urls == (f"http://cdn/{FQRN}",)


def test_keys_and_blacklist_of_it_are_copied(site: Site) -> None:
    found = site.effective()
    assert sorted(path.read_text() for path in found.config.public_keys) == ["first key", "second key"]
    assert [path.read_text() for path in found.config.blacklists] == [FILES["blacklist"]]
    again = site.effective()
    assert again.config.public_keys == found.config.public_keys


def test_it_does_without_itself(site: Site) -> None:
    found = site.effective(CONFIG)
    assert "repo-default" not in found.config.variables["ORDER"]
    assert site.server.requests == []


def test_it_is_opened_once_for_all_repositories(site: Site) -> None:
    wanted = site.run()
    for name in (FQRN, "a.some.example.org", "cms.cern.ch"):
        assert wanted.repositories.find(name) is not None
    wanted.repositories.close()
    assert site.server.requests.count(f"/cvmfs/{CONFIG}/.cvmfspublished") == 1


def test_the_user_may_choose_it(site: Site) -> None:
    site.write("default.d/50-test.conf", "CVMFS_CONFIG_REPOSITORY=other.parrot.test\nORDER=first\n")
    found = site.effective(FQRN, "--cvmfs-option", f"CVMFS_CONFIG_REPOSITORY={CONFIG}")
    assert found.config.urls == (f"http://cdn/{FQRN}",)
    [warning] = found.warnings
    assert "comes too late" in warning


def test_an_entry_may_say_where_it_is(site: Site) -> None:
    (site.place / "etc" / "config.d" / f"{CONFIG}.conf").unlink()
    entry = f"<default-repositories> {CONFIG}:url={site.server.url}/cvmfs/@fqrn@,pubkey={site.key}"
    assert site.effective(FQRN, "-r", entry).config.urls == (f"http://cdn/{FQRN}",)


def test_who_names_server_and_key_does_not_wait_for_it(site: Site) -> None:
    found = site.effective(FQRN, "-r", f"{FQRN}:url=http://mine,pubkey={site.key}")
    assert site.server.requests == []
    assert found.config.variables["ORDER"] == "first local domain config"


def test_without_it_there_is_a_warning(site: Site) -> None:
    site.server.stop()
    wanted = site.run()
    for name in ("cms.cern.ch", "atlas.cern.ch"):
        found = wanted.repositories.effective(name)
        assert found is not None
        [warning] = found.warnings
        assert warning.startswith(f"the configuration repository {CONFIG} cannot be read: ")
        assert warning.endswith("; going on without it")
        assert found.config.urls[0].startswith("http://cvmfs-stratum-one.cern.ch")
    wanted.repositories.close()


def test_without_it_nobody_knows_whether_there_is_a_repository(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error, not an absence; and when the configuration repository is back, so is the repository."""
    site.server.fault("*", Fault(status=503))
    wanted = site.run()
    with pytest.raises(ConfigError, match=f"no server of {FQRN} is known, and the configuration repository {CONFIG}"):
        wanted.repositories.find(FQRN)
    assert not wanted.repositories.known(FQRN)
    assert wanted.repositories.find("cms.cern.ch") is not None
    asked = len(site.server.requests)
    with pytest.raises(ConfigError, match="no server"):
        wanted.repositories.find(FQRN)
    assert len(site.server.requests) == asked, "not asked again within a minute"
    site.server.heal()
    monkeypatch.setattr("parrot_py.config.site._AGAIN", 0.0)
    found = wanted.repositories.find(FQRN)
    assert found is not None
    assert found.urls == (f"http://cdn/{FQRN}",)
    assert wanted.repositories.known(FQRN)
    wanted.repositories.close()


def test_without_it_nothing_goes_where_it_is_required(site: Site) -> None:
    site.server.stop()
    site.write("default.local", "CVMFS_CONFIG_REPO_REQUIRED=yes\n")
    with pytest.raises(
        ConfigError, match=r"cannot be read: .*; .*default.local:1: CVMFS_CONFIG_REPO_REQUIRED wants it"
    ):
        site.effective()
    assert site.effective(CONFIG).config.urls


def test_one_that_nobody_knows(site: Site) -> None:
    (site.place / "etc" / "config.d" / f"{CONFIG}.conf").unlink()
    [warning] = site.effective("cms.cern.ch").warnings
    assert "no server of it is known" in warning
