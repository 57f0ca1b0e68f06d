"""Every parameter of the table does what its row says, through the public ``config.read``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from parrot_py.config import kinds, parameters
from parrot_py.config.kinds import Kind
from parrot_py.config.model import RepositoryConfig
from parrot_py.config.parameters import Parameter
from tests.support.parameters import ENTRY, changed, nothing_of_this_machine, repository

__all__ = ["nothing_of_this_machine"]

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
