"""Every parameter of the table does what its row says, through the public ``config.read``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from parrot_py import config
from parrot_py.config import kinds, parameters
from parrot_py.config.kinds import Kind
from parrot_py.config.model import RepositoryConfig
from parrot_py.config.parameters import Parameter
from parrot_py.errors import ConfigError

ENTRY = "a.cern.ch:url=http://h/@fqrn@"
ROWS = parameters.by_name()
PLAIN = [row for row in ROWS.values() if row.has_effect and row.plain]
COMBINED = [row for row in ROWS.values() if row.has_effect and not row.plain]
IGNORED = [row for row in ROWS.values() if not row.has_effect]

SAMPLES: dict[Kind, tuple[str, Any]] = {
    kinds.TEXT: ("some text", "some text"),
    kinds.SECONDS: ("7", 7.0),
    kinds.PAUSE: ("7", 7.0),
    kinds.MINUTES: ("3", 180.0),
    kinds.COUNT: ("77", 77),
    kinds.SERVERS: ("http://a/@fqrn@;https://b/@org@", ("http://a/a.cern.ch", "https://b/a")),
    kinds.FILE: ("/some/file", Path("/some/file")),
    kinds.WORDS: ("user.a,user.b", ("user.a", "user.b")),
    kinds.GROUPS: ("10,20", (10, 20)),
    kinds.HASH: ("0a" * 20, "0a" * 20),
    kinds.DATE: ("2024-12-31T23:59:59Z", 1735689599),
    kinds.HEADERS: ("k:v|x-y:a b", (("k", "v"), ("x-y", "a b"))),
    kinds.FAMILY: ("6", 6),
}


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from parrot_py.config import effective

    monkeypatch.setattr(effective, "GRID_CERTIFICATES", Path("/nowhere"))


def repository(*options: str, entry: str = ENTRY, argv: tuple[str, ...] = (), **environ: str) -> RepositoryConfig:
    """What ``a.cern.ch`` is with these ``--cvmfs-option``s."""
    given = [word for option in options for word in ("--cvmfs-option", option)]
    environ = {"PARROT_CVMFS_ETC": "/nowhere", **environ}
    wanted = config.read(["-r", entry, *given, *argv, "ls"], environ)
    assert isinstance(wanted, config.RunConfig)
    found = wanted.repositories.find("a.cern.ch")
    assert found is not None
    return found


def changed(*options: str, **how: Any) -> dict[str, Any]:
    """The fields that *options* change, variables aside."""
    before, after = repository(**how), repository(*options, **how)
    return {
        field: getattr(after, field)
        for field in RepositoryConfig._fields
        if field != "variables" and getattr(after, field) != getattr(before, field)
    }


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: row.name)
def test_plain_parameters(row: Parameter, tmp_path: Path) -> None:
    default = RepositoryConfig._field_defaults.get(row.fields)
    value: Any
    if row.kind is kinds.FLAG:
        text, value = ("no", False) if default else ("yes", True)
    elif row.kind is kinds.OWNERS:
        (tmp_path / "map").write_text("# comment\n\n1 2  # one\n* 99\n")
        text, value = str(tmp_path / "map"), ((1, 2), (None, 99))
    else:
        text, value = SAMPLES[row.kind]
    entry = ENTRY if row.fields != "urls" else "a.cern.ch:CVMFS_SERVER_URL=http://other"
    if row.fields == "urls":
        assert repository(entry=entry.replace("http://other", text)).urls == value
        return
    assert changed(f"{row.name}={text}")[row.fields] == value
    # An entry may set it as well, and wins.
    entry = f"{ENTRY},{row.name}={text}".replace("user.a,user.b", r"user.a\\,user.b").replace("10,20", r"10\\,20")
    entry = entry.replace("some text", r"some\ text").replace("a b", r"a\ b")
    assert getattr(repository(entry=entry), row.fields) == value


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: row.name)
def test_defaults_are_those_of_the_model(row: Parameter) -> None:
    default = RepositoryConfig._field_defaults.get(row.fields)
    if row.default:
        assert row.kind.parse(row.default, kinds.Where("default")) == default
    else:
        assert not default


SET = ["CVMFS_SHARED_CACHE=no", "CVMFS_QUOTA_LIMIT=-1"]
INSTANCE = ["CVMFS_CACHE_PRIMARY=x", "CVMFS_CACHE_x_TYPE=posix"]
TIERS = ["CVMFS_CACHE_PRIMARY=t", "CVMFS_CACHE_t_TYPE=tiered", "CVMFS_CACHE_t_UPPER=u", "CVMFS_CACHE_t_LOWER=l"]
TIERS += ["CVMFS_CACHE_u_DIR=/upper", "CVMFS_CACHE_l_DIR=/lower"]
CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "CVMFS_HTTP_PROXY": (["CVMFS_HTTP_PROXY=p:1"], {"proxies": (("http://p:1",),)}),
    "CVMFS_FALLBACK_PROXY": (
        ["CVMFS_HTTP_PROXY=p:1;DIRECT", "CVMFS_FALLBACK_PROXY=q:2"],
        {"proxies": (("http://p:1",),), "fallback_proxies": (("http://q:2",),)},
    ),
    "CVMFS_CLIENT_PROFILE": (["CVMFS_CLIENT_PROFILE=single"], {"proxies": (("auto",), ("DIRECT",))}),
    "CVMFS_PAC_URLS": (["CVMFS_PAC_URLS=auto;http://x/"], {"pac_urls": ("http://wpad/wpad.dat", "http://x/")}),
    "CVMFS_EXTERNAL_HTTP_PROXY": (["CVMFS_EXTERNAL_HTTP_PROXY=p"], {"external_proxies": (("http://p",),)}),
    "CVMFS_EXTERNAL_FALLBACK_PROXY": (
        ["CVMFS_EXTERNAL_FALLBACK_PROXY=p"],
        {"external_fallback_proxies": (("http://p",),), "external_proxies": ()},
    ),
    "CVMFS_EXTERNAL_TIMEOUT": (["CVMFS_EXTERNAL_TIMEOUT=8"], {"external_timeout": 8}),
    "CVMFS_EXTERNAL_TIMEOUT_DIRECT": (["CVMFS_EXTERNAL_TIMEOUT_DIRECT=8"], {"external_timeout_direct": 8}),
    "X509_CERT_DIR": (["X509_CERT_DIR=/ca"], {"ca_dir": Path("/ca")}),
    "X509_CERT_BUNDLE": (["X509_CERT_BUNDLE=/ca.pem"], {"ca_bundle": Path("/ca.pem")}),
    "CVMFS_AUTHZ_<name>": (["CVMFS_AUTHZ_TOKEN=x"], {"authz_environ": {"TOKEN": "x"}}),
    "CVMFS_PUBLIC_KEY": (
        ["CVMFS_PUBLIC_KEY=/etc/passwd:/etc/group"],
        {"public_keys": (Path("/etc/passwd"), Path("/etc/group"))},
    ),
    "CVMFS_BLACKLIST": (["CVMFS_BLACKLIST=/etc/passwd"], {"blacklists": (Path("/etc/passwd"),)}),
    "CVMFS_MAX_TTL_SECS": (["CVMFS_MAX_TTL=5", "CVMFS_MAX_TTL_SECS=9"], {"max_ttl": 9}),
    "CVMFS_CLAIM_OWNERSHIP": (["CVMFS_CLAIM_OWNERSHIP=no"], {"uid": None, "gid": None}),
    "PARROT_LINK_ENVIRONMENT": (["PARROT_LINK_ENVIRONMENT=job"], {"caller_variables": True}),
    "CVMFS_MAGIC_XATTRS_VISIBILITY": (
        ["CVMFS_HIDE_MAGIC_XATTRS=yes", "CVMFS_MAGIC_XATTRS_VISIBILITY=always"],
        {"magic_xattrs": "always"},
    ),
    "CVMFS_HIDE_MAGIC_XATTRS": (["CVMFS_HIDE_MAGIC_XATTRS=yes"], {"magic_xattrs": "never"}),
    "CVMFS_CACHE_BASE": (["CVMFS_CACHE_BASE=/b"], {"cache_dir": Path("/b/shared")}),
    "CVMFS_SHARED_CACHE": (["CVMFS_CACHE_BASE=/b", "CVMFS_SHARED_CACHE=no"], {"cache_dir": Path("/b/a.cern.ch")}),
    "CVMFS_CACHE_DIR": (["CVMFS_CACHE_DIR=/d"], {"cache_dir": Path("/d")}),
    "CVMFS_ALIEN_CACHE": (["CVMFS_ALIEN_CACHE=/a", *SET], {"cache_dir": Path("/a"), "alien": True, "quota": None}),
    "CVMFS_QUOTA_LIMIT": (["CVMFS_QUOTA_LIMIT=10"], {"quota": 10 << 20}),
    "CVMFS_WORKSPACE": (["CVMFS_CACHE_WORKSPACE=/tmp/x", "CVMFS_WORKSPACE=/tmp"], {"workspace": Path("/tmp")}),
    "CVMFS_CACHE_WORKSPACE": (["CVMFS_CACHE_WORKSPACE=/tmp"], {"workspace": Path("/tmp")}),
    "CVMFS_CACHE_PRIMARY": ([*INSTANCE, "CVMFS_CACHE_x_DIR=/d", "CVMFS_CACHE_DIR=/e"], {"cache_dir": Path("/d")}),
    "CVMFS_CACHE_<name>_TYPE": (
        TIERS,
        {"cache_dir": Path("/upper"), "lower_cache": Path("/lower"), "lower_readonly": False},
    ),
    "CVMFS_CACHE_<name>_BASE": ([*INSTANCE, "CVMFS_CACHE_x_BASE=/d"], {"cache_dir": Path("/d/shared")}),
    "CVMFS_CACHE_<name>_DIR": ([*INSTANCE, "CVMFS_CACHE_x_DIR=/d"], {"cache_dir": Path("/d")}),
    "CVMFS_CACHE_<name>_SHARED": (
        [*INSTANCE, "CVMFS_CACHE_x_BASE=/d", "CVMFS_CACHE_x_SHARED=no"],
        {"cache_dir": Path("/d/a.cern.ch")},
    ),
    "CVMFS_CACHE_<name>_ALIEN": (
        [*INSTANCE, "CVMFS_CACHE_x_ALIEN=/d"],
        {"cache_dir": Path("/d"), "alien": True, "quota": None},
    ),
    "CVMFS_CACHE_<name>_QUOTA_LIMIT": ([*INSTANCE, "CVMFS_CACHE_x_QUOTA_LIMIT=1"], {"quota": 1 << 20}),
    "CVMFS_CACHE_<name>_WORKSPACE": ([*INSTANCE, "CVMFS_CACHE_x_WORKSPACE=/tmp"], {"workspace": Path("/tmp")}),
    "CVMFS_CACHE_<name>_UPPER": (
        [*TIERS, "CVMFS_CACHE_t_UPPER=l"],
        {"cache_dir": Path("/lower"), "lower_cache": Path("/lower"), "lower_readonly": False},
    ),
    "CVMFS_CACHE_<name>_LOWER": (
        [*TIERS, "CVMFS_CACHE_t_LOWER=u"],
        {"cache_dir": Path("/upper"), "lower_cache": Path("/upper"), "lower_readonly": False},
    ),
    "CVMFS_CACHE_<name>_LOWER_READONLY": (
        [*TIERS, "CVMFS_CACHE_t_LOWER_READONLY=yes"],
        {"cache_dir": Path("/upper"), "lower_cache": Path("/lower"), "lower_readonly": True},
    ),
}

ELSEWHERE = {
    "CVMFS_CONFIG_REPOSITORY", "CVMFS_CONFIG_REPO_REQUIRED", "CVMFS_DEFAULT_DOMAIN", "CVMFS_REPOSITORIES",
    "CVMFS_STRICT_MOUNT", "CVMFS_USE_CDN", "CVMFS_KEYS_DIR", "CVMFS_IPV4_ONLY",
}  # fmt: skip
"""Parameters that act before there is a repository, or by a file: they have tests of their own."""


@pytest.mark.parametrize("name", CASES)
def test_combined_parameters(name: str) -> None:
    options, expected = CASES[name]
    pattern = re.compile(name.replace("<name>", "[A-Za-z]+") + "=")
    others = [option for option in options if not pattern.match(option)]
    before, after = repository(*others), repository(*options)
    assert {field: getattr(after, field) for field in expected} == expected
    fields = ROWS[name].fields.split()
    assert any(getattr(before, field) != getattr(after, field) for field in fields), "not the doing of the parameter"


def test_every_parameter_with_an_effect_is_tested() -> None:
    assert {row.name for row in COMBINED} == set(CASES) | ELSEWHERE


@pytest.mark.parametrize("row", IGNORED, ids=lambda row: row.name)
def test_parameters_without_effect_are_variables_and_leave_a_remark(row: Parameter) -> None:
    name = row.name.replace("<name>", "x")
    assert changed(f"{name}=1") == {}
    assert repository(f"{name}=1").variables[name] == "1"
    assert row.meaning


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
