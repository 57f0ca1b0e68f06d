"""Parameters of CernVM-FS whose effect has a test of its own, beside the table of all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from parrot_py import config
from parrot_py.errors import ConfigError
from tests.support.parameters import ENTRY, changed, nothing_of_this_machine, repository

__all__ = ["nothing_of_this_machine"]


def test_what_has_no_effect_leaves_a_remark() -> None:
    options = ("CVMFS_NFILES=1", "CVMFS_CACHE_x_SIZE=1", "CVMFS_MY_OWN=1", "MINE=1", "CVMFS_TIMEOUT=1")
    given = [word for option in options for word in ("--cvmfs-option", option)]
    wanted = config.read([*given, "ls"], {"PARROT_CVMFS_ETC": "/nowhere"})
    assert isinstance(wanted, config.RunConfig)
    found = wanted.repositories.effective("cms.cern.ch")
    assert found is not None
    assert list(found.remarks) == [
        "--cvmfs-option: CVMFS_NFILES has no effect: open files are the job's own descriptors",
        "--cvmfs-option: CVMFS_CACHE_x_SIZE has no effect: the cache is a directory",
        "--cvmfs-option: CVMFS_MY_OWN is not known: a variable of links and nothing else",
    ]


def test_unknown_parameters_are_variables() -> None:
    found = repository("CVMFS_MY_OWN=1", "GLITE=2", entry=ENTRY + ",CVMFS_MORE=3", GLITE="environment", OTHER="o")
    wanted = {"CVMFS_MY_OWN": "1", "GLITE": "2", "CVMFS_MORE": "3", "OTHER": "o"}
    assert {name: found.variables[name] for name in wanted} == wanted


def test_a_parameter_of_the_environment_is_a_variable_of_links_and_nothing_else() -> None:
    found = repository(CVMFS_TIMEOUT="77", CVMFS_HTTP_PROXY="p:1")
    assert (found.timeout, found.proxies) == (5, (("DIRECT",),))
    assert found.variables["CVMFS_TIMEOUT"] == "77"


def test_a_pause_may_be_nothing() -> None:
    assert repository("CVMFS_HOST_RESET_AFTER=0", "CVMFS_BACKOFF_INIT=0.0").host_reset_after == 0


def test_later_options_win_and_entries_win_over_them() -> None:
    assert repository("CVMFS_TIMEOUT=1", "CVMFS_TIMEOUT=2").timeout == 2
    assert repository("CVMFS_TIMEOUT=1", entry=ENTRY + ",timeout=3").timeout == 3
    assert repository("CVMFS_TIMEOUT=").timeout == 5


def test_options_reach_every_repository() -> None:
    wanted = config.read(["--cvmfs-option", "CVMFS_TIMEOUT=9", "ls"], {"PARROT_CVMFS_ETC": "/nowhere"})
    assert isinstance(wanted, config.RunConfig)
    for name in ("atlas.cern.ch", "softdrive.nl", "demo.parrot.local"):
        found = wanted.repositories.find(name)
        assert found is not None
        assert found.timeout == 9


def test_names_in_values_are_replaced() -> None:
    found = repository("SITE=my", "CVMFS_PROXY_TEMPLATE=@SITE@-@fqrn@-@org@-@unknown@")
    assert found.proxy_template == "my-a.cern.ch-a-@unknown@"


def test_external_time_outs_follow_the_others() -> None:
    found = repository("CVMFS_TIMEOUT=1", "CVMFS_TIMEOUT_DIRECT=2")
    assert (found.external_timeout, found.external_timeout_direct) == (1, 2)


def test_ipv4_only() -> None:
    assert repository("CVMFS_IPV4_ONLY=1").ipv4_only
    assert repository(CVMFS_IPV4_ONLY="1").ipv4_only
    assert not repository().ipv4_only


def test_keys_of_a_directory(tmp_path: Path) -> None:
    for name in ("b.pub", "a.pub", "c.txt"):
        (tmp_path / name).write_text("key")
    keys = (tmp_path / "a.pub", tmp_path / "b.pub")
    assert repository(f"CVMFS_KEYS_DIR={tmp_path}").public_keys == keys
    assert repository(f"CVMFS_KEYS_DIR={tmp_path}", "CVMFS_PUBLIC_KEY=/etc/passwd").public_keys == (
        Path("/etc/passwd"),
    )
    assert repository(f"CVMFS_KEYS_DIR={tmp_path}", "CVMFS_PUBLIC_KEY=").public_keys == keys


def test_the_choice_of_the_content_delivery_network() -> None:
    def urls(*options: str, **environ: str) -> tuple[str, ...]:
        given = [word for option in options for word in ("--cvmfs-option", option)]
        wanted = config.read([*given, "ls"], {"PARROT_CVMFS_ETC": "/nowhere", **environ})
        assert isinstance(wanted, config.RunConfig)
        found = wanted.repositories.find("atlas.cern.ch")
        assert found is not None
        return found.urls

    network = "http://s1cern-cvmfs.openhtc.io/cvmfs/atlas.cern.ch"
    assert urls("CVMFS_USE_CDN=yes")[0] == network
    assert urls("CVMFS_CLIENT_PROFILE=single")[0] == network
    assert urls(HTTP_PROXY="auto;DIRECT")[0] == network
    assert urls("CVMFS_USE_CDN=no", HTTP_PROXY="auto;DIRECT")[0] != network
    assert urls()[0] != network
    assert urls("CVMFS_USE_CDN=yes", "CVMFS_SERVER_URL=http://mine") == ("http://mine",)


def test_proxies_in_their_order() -> None:
    squid = "CVMFS_HTTP_PROXY=file:1"
    environ: dict[str, Any] = {
        "HTTP_PROXY": "one:1",
        "http_proxy": "two:2",
        "OSG_SQUID_LOCATION": "osg:3",
        "GLIDEIN_Proxy_URL": "g:4",
    }
    told = ENTRY + ",proxies=entry:1"
    assert repository(squid, entry=told, argv=("-p", "zero:1"), **environ).proxies == (("http://entry:1",),)
    assert repository(squid, argv=("-p", "zero:1"), **environ).proxies == (("http://zero:1",),)
    for name, expected in (("", "one:1"), ("HTTP_PROXY", "two:2"), ("http_proxy", "file:1")):
        environ.pop(name, None)
        assert repository(squid, **environ).proxies == ((f"http://{expected}",),)
    assert repository(**environ).proxies == (("http://osg:3",),)
    assert repository("CVMFS_CLIENT_PROFILE=single", **environ).proxies == (("http://osg:3",),)
    del environ["OSG_SQUID_LOCATION"]
    assert repository(**environ).proxies == (("http://g:4",),)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["CVMFS_TIMEOUT=fast"], "--cvmfs-option: CVMFS_TIMEOUT: not a time: 'fast'"),
        (["CVMFS_USE_GEOAPI=perhaps"], "--cvmfs-option: CVMFS_USE_GEOAPI: neither yes nor no: 'perhaps'"),
        (["CVMFS_MAX_SERVERS=-1"], "CVMFS_MAX_SERVERS: not a number: '-1'"),
        (["CVMFS_REPOSITORY_DATE=2024-13-01T00:00:00Z"], "not a date"),
        (["CVMFS_REPOSITORY_DATE=yesterday"], "not a date"),
        (["CVMFS_UID_MAP=/no/such"], "cannot read the owner map '/no/such'"),
        (["CVMFS_HTTP_TRACING_HEADERS=a b:c"], "not a list key:value"),
        (["CVMFS_HTTP_TRACING_HEADERS=" + "a" * 1001], "longer than 1000"),
        (["CVMFS_IPFAMILY_PREFER=5"], "not an IP family"),
        (["CVMFS_MAGIC_XATTRS_VISIBILITY=maybe"], "not one of rootonly"),
        (["CVMFS_HTTP_PROXY=http://u:secret@p:x"], "the port of the proxy 'http://u:***@p:x'"),
        (["CVMFS_ALIEN_CACHE=/a", "CVMFS_SHARED_CACHE=yes"], "CVMFS_ALIEN_CACHE: an alien cache needs"),
        (["CVMFS_ALIEN_CACHE=/a", "CVMFS_QUOTA_LIMIT=10"], "CVMFS_ALIEN_CACHE: an alien cache has no quota"),
        (["CVMFS_CACHE_DIR=/a", "CVMFS_CACHE_BASE=/b"], "CVMFS_CACHE_DIR: set either"),
        (["=x"], "--cvmfs-option: not a parameter: '=x'"),
        (["CVMFS_TIMEOUT"], "--cvmfs-option: not a parameter: 'CVMFS_TIMEOUT'"),
    ],
)
def test_mistakes_stop_the_start(options: list[str], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        repository(*options)
    assert named in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_owner_maps_are_checked_by_line(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("1 2\n3\n")
    with pytest.raises(ConfigError, match=r"map:2: not a line 'FROM TO': '3'"):
        repository(f"CVMFS_GID_MAP={tmp_path / 'map'}")


def test_a_chosen_cache_wins_over_parameters() -> None:
    assert changed("CVMFS_CACHE_BASE=/b", argv=("--cvmfs-alien-cache", "/mine")) == {}
    found = repository("CVMFS_QUOTA_LIMIT=10", argv=("--cvmfs-alien-cache", "/mine"))
    assert (found.cache_dir, found.alien, found.quota) == (Path("/mine"), True, None)
    assert repository("CVMFS_CACHE_DIR=/d", argv=("-t", "/tmp/mine")).cache_dir == Path("/d")
    assert repository("CVMFS_QUOTA_LIMIT=-1").quota is None
    assert repository().quota == 4000 << 20


def test_variables_of_certificates() -> None:
    found = repository(X509_CERT_DIR="/ca", X509_CERT_BUNDLE="relative", CERNVM_UUID="u")
    assert (found.ca_dir, found.ca_bundle, found.uuid) == (Path("/ca"), None, "u")
    assert repository("CERNVM_UUID=v", CERNVM_UUID="u").uuid == "v"


def test_link_environment() -> None:
    assert not repository().caller_variables
    assert repository(argv=("--link-environment",)).caller_variables
    assert repository(PARROT_LINK_ENVIRONMENT="job").caller_variables
    with pytest.raises(ConfigError, match="PARROT_LINK_ENVIRONMENT: not a choice: 'caller'"):
        repository(PARROT_LINK_ENVIRONMENT="caller")


def test_a_directory_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    os.rmdir(tmp_path / "gone")
    with pytest.raises(ConfigError, match="is relative, and the current directory is gone"):
        repository("CVMFS_CACHE_DIR=there")
