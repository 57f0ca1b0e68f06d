from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py.config import domains
from parrot_py.config.model import RepositoryConfig
from parrot_py.config.proxies import Found
from parrot_py.config.repositories import DEMO, RepositoryTable, table
from parrot_py.config.repository_options import HONOURED, IGNORED
from parrot_py.config.sources import Base, Sources
from parrot_py.errors import ConfigError

NOWHERE = Path("/nowhere/etc/cvmfs")
PROXIES = (("http://squid:3128",),)
BASE = Base(Path("/cache"), Found(PROXIES), 42.0, 11, 12, {"A": "1"}, etc=NOWHERE)


def made(text: str | None, base: Base = BASE) -> RepositoryTable:
    return table(text, Sources(base), "-r")


def found(text: str | None, name: str | bytes) -> RepositoryConfig:
    config = made(text).find(name)
    assert config is not None
    return config


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "my.pub"
    path.write_text("not looked into")
    return path


def test_everything_of_one_entry(key: Path) -> None:
    config = found(
        f"a.org/sub:url=http://h1/x;file:///x/@fqrn@,pubkey={key}:<BUILTIN-cern.ch.pub>,proxies=p:1|q:2;DIRECT,"
        f"timeout=3,timeout_direct=4s,root_hash={'0a' * 20}-rmd160,blacklist={key},external_url=http://e/@org@",
        b"a.org",
    )
    assert config == RepositoryConfig(
        fqrn="a.org",
        urls=("http://h1/x", "file:///x/a.org"),
        public_keys=(key, domains.DATA / "cern.ch.pub"),
        cache_dir=Path("/cache"),
        proxies=(("http://p:1", "http://q:2"), ("DIRECT",)),
        external_urls=("http://e/a",),
        timeout=3,
        timeout_direct=4,
        deadline=42.0,
        root_hash="0a" * 20 + "-rmd160",
        blacklists=(key,),
        subpath=b"/sub",
        uid=11,
        gid=12,
        variables=config.variables,
        quota=4000 << 20,
        external_timeout=3,
        external_timeout_direct=4,
        workspace=BASE.tempdir,
    )
    assert config.variables["A"] == "1"
    assert config.variables["CVMFS_TIMEOUT"] == "3"


def test_defaults_of_an_entry() -> None:
    config = found("x.cern.ch:url=http://h", "x.cern.ch")
    assert (config.timeout, config.timeout_direct, config.max_retries) == (5, 10, 1)
    assert config.proxies == PROXIES
    assert config.local is False
    assert {path.name for path in config.public_keys} == {
        "cern.ch.pub", "cern-it1.cern.ch.pub", "cern-it4.cern.ch.pub", "cern-it5.cern.ch.pub",
    }  # fmt: skip


def test_nobody_configured_it() -> None:
    assert made("a.cern.ch:url=http://h").find("b.cern.ch") is None
    assert made("").find("a.cern.ch") is None
    assert made("").find(DEMO) is None


def test_last_matching_entry_wins() -> None:
    text = "*.cern.ch:url=http://star a.cern.ch:url=http://one a.cern.ch:url=http://two"
    assert found(text, "a.cern.ch").urls == ("http://two",)
    assert found(text, "b.cern.ch").urls == ("http://star",)
    assert found(text + " *:url=http://all,pubkey=<BUILTIN-cern.ch.pub>", "a.cern.ch").urls == ("http://all",)


def test_last_of_two_equal_options_wins() -> None:
    assert found("a.cern.ch:url=http://h,timeout=1,timeout=2", "a.cern.ch").timeout == 2


def test_the_front_of_a_name_is_put_into_the_options() -> None:
    text = "*.cern.ch:url=http://h/opt/*;http://*.h/,pubkey=/keys/*.pub,repo_name=*.cern.ch"
    config = found(text, "atlas.cern.ch")
    assert config.urls == ("http://h/opt/atlas", "http://atlas.h/")
    assert config.public_keys == (Path("/keys/atlas.pub"),)
    assert config.fqrn == "atlas.cern.ch"


@pytest.mark.parametrize("name", ["a;b", "a,url=http:", "a b", ".hidden", "a/b", "", "é", "a\n", b"\xff", "x" * 300])
def test_a_name_that_does_not_belong_into_a_url_matches_no_wildcard(name: str | bytes) -> None:
    whole = name + (b".cern.ch" if isinstance(name, bytes) else ".cern.ch")  # type: ignore[operator]
    assert made("*.cern.ch:url=http://h/*").find(whole) is None


def test_another_name_than_the_signed_one() -> None:
    assert found("short:url=http://h/@fqrn@,repo_name=long.cern.ch", "short").urls == ("http://h/long.cern.ch",)


def test_without_a_server_only_the_hosts_own_counts() -> None:
    for text in ("a.org", "a.org:", "a.org:try_local_filesystem"):
        config = found(text, "a.org")
        assert (config.local, config.urls) == (True, ())


def test_local_first() -> None:
    config = found("a.cern.ch:try_local_filesystem,url=http://h", "a.cern.ch")
    assert (config.local, config.urls) == (True, ("http://h",))


def test_fallback_proxies_remove_direct() -> None:
    config = found("a.cern.ch:url=http://h,proxies=p:1;DIRECT,fallback_proxies=q:2", "a.cern.ch")
    assert config.proxies == (("http://p:1",),)
    assert config.fallback_proxies == (("http://q:2",),)


def test_automatic_proxies_of_an_entry() -> None:
    config = found("a.cern.ch:url=http://h,proxies=auto;DIRECT", "a.cern.ch")
    assert config.proxies == (("auto",), ("DIRECT",))
    assert "http://wpad/wpad.dat" in config.pac_urls


def test_blanks_in_the_proxies_of_an_entry_warn() -> None:
    [warning] = made(r"a.cern.ch:url=http://h,proxies=p:1;\ DIRECT").warnings
    assert warning.startswith("-r: a.cern.ch: proxies: blanks")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a.cern.ch:url=http://h,bogus=1", "-r: a.cern.ch: unknown option 'bogus'"),
        ("*.cern.ch:url=http://h,bogus", "-r: *.cern.ch: unknown option 'bogus'"),
        ("a.cern.ch:url=ftp://h", "'ftp://h'"),
        ("a.cern.ch:url=http://", "'http://'"),
        ("a.cern.ch:url=h/cvmfs", "'h/cvmfs'"),
        (r"a.cern.ch:url=http://a\ b", "'http://a b'"),
        ("a.cern.ch:url", "option 'url' needs a value"),
        ("*.cern.ch:url=ftp://h/*", "'ftp://h/*'"),
        ("a.cern.ch:url=http://h,timeout=fast", "timeout: not a time: 'fast'"),
        ("a.cern.ch:url=http://h,timeout_direct=0", "timeout_direct: not a time: '0'"),
        ("a.cern.ch:url=http://h,root_hash=xyz", "root_hash: not a hash: 'xyz'"),
        ("a.cern.ch:url=http://h,proxies=ftp://p", "'ftp://p'"),
        ("a.cern.ch:url=http://h,pubkey=<BUILTIN-nobody.pub>", "'<BUILTIN-nobody.pub>'"),
        ("a.cern.ch:url=http://h,pubkey=<BUILTIN-../x.pub>", "'<BUILTIN-../x.pub>'"),
        ("a.cern.ch:url=http://h,pubkey=/does/not/exist", "public key '/does/not/exist': No such file"),
        ("a.cern.ch:url=http://h,pubkey=/tmp", "'/tmp' is a directory"),
        ("a.cern.ch:url=http://h,blacklist=/does/not/exist", "blacklist '/does/not/exist': No such file"),
        ("a.example.org:url=http://h", "no built-in master key for 'a.example.org'"),
        ("<default-repositories>:bogus", "unknown option 'bogus'"),
    ],
)
def test_errors_name_the_text(text: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(text)
    assert named in str(caught.value)
    assert str(caught.value).startswith("-r: ")


def test_a_missing_key_of_a_wildcard_is_no_start_up_error() -> None:
    assert made("*.org:url=http://h,pubkey=/keys/*.pub").find("a.org") is not None


def test_relative_files_belong_to_the_directory_of_the_start(key: Path) -> None:
    base = BASE._replace(directory=str(key.parent))
    for text in (
        "a.org:url=http://h,pubkey=my.pub,blacklist=./my.pub",
        "*.org:url=http://h,pubkey=my.pub,blacklist=my.pub",
    ):
        config = made(text, base).find("a.org")
        assert config is not None
        assert (config.public_keys, config.blacklists) == ((key,), (key,))


def test_relative_files_of_a_lost_directory() -> None:
    with pytest.raises(ConfigError, match=r"pubkey: 'my.pub' is relative, and the current directory is gone"):
        made("a.org:url=http://h,pubkey=my.pub")


@pytest.mark.parametrize("option", IGNORED)
def test_historic_options_leave_a_remark(option: str) -> None:
    listed = made(f"a.cern.ch:url=http://h,{option}=1")
    [remark] = listed.remarks
    assert option in remark
    assert listed.find("a.cern.ch") == found("a.cern.ch:url=http://h", "a.cern.ch")


def test_no_option_is_both() -> None:
    assert not set(HONOURED) & set(IGNORED)


def test_names_are_the_ones_configured_in_full() -> None:
    listed = made("*.cern.ch:url=http://h b.cern.ch:url=http://h a.cern.ch b.cern.ch")
    assert [name for name in listed.names() if name != DEMO] == ["b.cern.ch", "a.cern.ch"]


@settings(deadline=None, derandomize=True)
@given(st.text() | st.binary(), st.sampled_from([None, "*:url=http://*/,pubkey=/*", "a.cern.ch:url=http://h"]))
def test_find_never_fails(name: str | bytes, text: str | None) -> None:
    config = made(text).find(name)
    assert config is None or (config.local or config.urls)


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_any_list_is_understood_or_refused_in_one_line(text: str) -> None:
    listed, message = made(""), "-r: one line"
    try:
        listed = made(text)
    except ConfigError as error:
        message = str(error)
    assert message.startswith("-r: ")
    assert len(message.splitlines()) == 1
    assert all(listed.find(name) is not None for name in listed.names())
