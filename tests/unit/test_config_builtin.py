"""The repositories that work without configuration: the list of domains and the demonstration."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from parrot_py.config import domains
from parrot_py.config.repositories import DEMO
from tests.unit.test_config_repositories import BASE, found, made


@pytest.mark.parametrize(
    ("name", "host", "keys"),
    [
        ("atlas.cern.ch", "http://cvmfs-stratum-one.cern.ch:8000/cvmfs/atlas.cern.ch", 4),
        ("oasis.opensciencegrid.org", "http://cvmfs-egi.gridpp.rl.ac.uk:8000/cvmfs/oasis.opensciencegrid.org", 1),
        ("software.eessi.io", "http://aws-eu-central-s1.eessi.science/cvmfs/software.eessi.io", 1),
        ("x.gridpp.ac.uk", "http://cvmfs-egi.gridpp.rl.ac.uk:8000/cvmfs/x.gridpp.ac.uk", 1),
        ("sft-nightlies.cern.ch", "http://cvmfs-stratum-one.cern.ch/cvmfs/sft-nightlies.cern.ch", 4),
        ("softdrive.nl", "http://cvmfs-egi.gridpp.rl.ac.uk:8000/cvmfs/softdrive.nl", 1),
    ],
)
def test_built_in_list(name: str, host: str, keys: int) -> None:
    for text in (None, "<default-repositories>", "<default-repositories> a.cern.ch:url=http://h"):
        config = found(text, name)
        assert config.local
        assert config.urls[0] == host
        assert len(config.public_keys) == keys


def test_options_behind_the_default_list_reach_every_entry() -> None:
    config = found("<default-repositories>:timeout=77,proxies=*-squid:1", "atlas.cern.ch")
    assert (config.timeout, config.proxies) == (77, (("http://atlas-squid:1",),))
    assert found("<default-repositories>:timeout=77", "softdrive.nl").timeout == 77


def test_a_name_that_only_the_host_may_know() -> None:
    config = found(None, "unknown.example.org")
    assert (config.local, config.urls) == (True, ())


def test_the_built_in_list_is_not_listed() -> None:
    assert [name for name in made(None).names() if name != DEMO] == []


def test_every_built_in_entry_is_sound() -> None:
    names = [*(f"x.{domain}" for domain in domains.DOMAINS), *domains.REPOSITORIES]
    for environ in ({}, {"http_proxy": "DIRECT"}):
        listed = made(None, BASE._replace(proxy=None, environ=environ))
        for name in names:
            made_of = listed.effective(name)
            assert made_of is not None
            assert made_of.config.urls
            assert made_of.config.public_keys
            assert made_of.warnings == ()
    for known in (*domains.DOMAINS.values(), *domains.REPOSITORIES.values()):
        assert known.urls
        for name in known.keys:
            path = domains.key_file(name)
            assert path is not None
            public = load_pem_public_key(path.read_bytes())
            assert isinstance(public, RSAPublicKey)
            assert public.key_size == 2048


def test_every_key_file_is_used() -> None:
    used = {key for known in (*domains.DOMAINS.values(), *domains.REPOSITORIES.values()) for key in known.keys}
    assert {path.stem for path in domains.DATA.glob("*.pub")} == used


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "odd; place, 100%"
    place.mkdir()
    (place / f"{DEMO}.pub").write_text("key")
    monkeypatch.setattr(domains, "DEMO", place)
    return place


def test_demo_repository(demo: Path) -> None:
    for text in (None, "a.cern.ch:url=http://h", "*:url=http://h,pubkey=<BUILTIN-cern.ch.pub>"):
        config = found(text, DEMO)
        quoted = str(demo).replace("%", "%25").replace(" ", "%20").replace(";", "%3B").replace(",", "%2C")
        assert config.urls == (f"file://{quoted}/www/{DEMO}",)
        assert config.public_keys == (demo / f"{DEMO}.pub",)
        assert DEMO in made(text).names()


@pytest.mark.usefixtures("demo")
def test_demo_repository_may_be_configured_otherwise() -> None:
    text = f"{DEMO}:url=http://h,pubkey=<BUILTIN-cern.ch.pub>"
    assert found(text, DEMO).urls == ("http://h",)
    assert made(text).names() == [DEMO]


def test_no_demo_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(domains, "DEMO", tmp_path)
    assert made(None).names() == []
