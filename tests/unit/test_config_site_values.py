"""/etc/cvmfs: keys, blacklists, proxies, caches and options files of a site, through ``config.read``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parrot_py.errors import ConfigError
from tests.support.etc_cvmfs import FQRN, KEY, Etc, etc

__all__ = ["etc"]


def test_keys(etc: Etc, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for name in ("b.pub", "a.pub", "c.txt"):
        (tmp_path / "keys" / name).write_text("key")
    listed = (tmp_path / "keys" / "a.pub", tmp_path / "keys" / "b.pub")
    server = f"CVMFS_SERVER_URL=http://h\nCVMFS_KEYS_DIR={tmp_path}/keys\n"
    etc.write({"default.conf": server})
    assert etc.repository().public_keys == listed
    etc.write({"default.conf": server + f"CVMFS_PUBLIC_KEY={KEY}\n"})
    assert etc.repository().public_keys == (Path(KEY),)
    etc.write({f"config.d/{FQRN}.conf": "CVMFS_PUBLIC_KEY=\n"})
    assert etc.repository().public_keys == listed
    assert etc.repository("--cvmfs-option", f"CVMFS_PUBLIC_KEY={KEY}").public_keys == (Path(KEY),)


def test_keys_beside_the_files(etc: Etc) -> None:
    etc.write({"default.conf": "CVMFS_SERVER_URL=http://h\n", "keys/x.pub": "key", "keys/deep/y.pub": "key"})
    assert etc.repository().public_keys == (etc.place / "keys" / "x.pub",)
    assert etc.repository("-r", f"{FQRN}:url=http://h").public_keys == (etc.place / "keys" / "x.pub",)


def test_no_key_at_all(etc: Etc) -> None:
    etc.write({"default.conf": "CVMFS_SERVER_URL=http://h\n"})
    with pytest.raises(ConfigError, match=f"there is no built-in master key for '{FQRN}'"):
        etc.effective()


def test_the_keys_of_a_site_do_not_hide_those_of_a_domain_it_does_not_know(etc: Etc) -> None:
    etc.write({"default.conf": f"CVMFS_KEYS_DIR={etc.place}/keys\n", "keys/site.pub": "key"})
    names = [path.name for path in etc.repository(name="software.eessi.io").public_keys]
    assert names == ["eessi.io.pub", "site.pub"]


def test_blacklists(etc: Etc) -> None:
    assert etc.repository().blacklists == ()
    etc.write({"blacklist": ""})
    assert etc.repository().blacklists == (etc.place / "blacklist",)
    etc.write({"default.local": "CVMFS_BLACKLIST=/etc/group\n"})
    assert etc.repository().blacklists == (Path("/etc/group"),)


PUBLIC = (("http://cvmfsbproxy.cern.ch:3126",), ("http://cvmfsbproxy.fnal.gov:3126",))


def test_public_fallback_proxies_stand_behind_those_of_a_site(etc: Etc) -> None:
    etc.write({"default.local": "CVMFS_HTTP_PROXY='squid:1;DIRECT'\n"})
    found = etc.repository(name="cms.cern.ch")
    assert (found.proxies, found.fallback_proxies) == ((("http://squid:1",),), PUBLIC)
    assert etc.repository("-p", "own:1;DIRECT", name="cms.cern.ch").fallback_proxies == ()
    assert etc.repository(HTTP_PROXY="INVALID-PROXY", name="cms.cern.ch").fallback_proxies == ()
    etc.write({"default.local": "CVMFS_HTTP_PROXY='squid:1;DIRECT'\nCVMFS_CLIENT_PROFILE=custom\n"})
    assert etc.repository(name="cms.cern.ch").proxies == (("http://squid:1",), ("DIRECT",))
    etc.write({"default.local": "CVMFS_HTTP_PROXY='squid:1;DIRECT'\nCVMFS_FALLBACK_PROXY=\n"})
    assert etc.repository(name="cms.cern.ch").fallback_proxies == ()


def test_fallback_proxies_of_files_are_not_for_who_names_his_own(etc: Etc) -> None:
    etc.write({"default.local": "CVMFS_HTTP_PROXY=squid:1\nCVMFS_FALLBACK_PROXY=spare:1\nCVMFS_SERVER_URL=http://h\n"})
    argv = ("--cvmfs-option", f"CVMFS_PUBLIC_KEY={KEY}")
    assert etc.repository(*argv).fallback_proxies == (("http://spare:1",),)
    assert etc.repository(*argv, HTTP_PROXY="INVALID-PROXY").fallback_proxies == ()


def test_a_cache_of_the_site_that_is_not_for_us(etc: Etc, tmp_path: Path) -> None:
    del etc.environ["PARROT_TEMP_DIR"]
    environ = {"TMPDIR": str(tmp_path)}
    own = tmp_path / f"parrot.{os.getuid()}" / "cvmfs"
    etc.write({"default.conf": "CVMFS_CACHE_BASE=/nowhere/cvmfs\nCVMFS_QUOTA_LIMIT=5\n"})
    found = etc.effective(**environ)
    assert (found.config.cache_dir, found.config.lower_cache, found.config.quota) == (own, None, 5 << 20)
    assert any("/nowhere/cvmfs/shared is not for us" in line for line in found.remarks)
    managed = tmp_path / "lib" / "shared"
    managed.mkdir(parents=True)
    (managed / "cachedb").touch()
    etc.write({"default.conf": f"CVMFS_CACHE_BASE={tmp_path}/lib\n"})
    found = etc.effective(**environ)
    assert (found.config.cache_dir, found.config.lower_cache, found.config.lower_readonly) == (own, managed, True)
    (managed / "cachedb").unlink()
    assert etc.repository(**environ).cache_dir == managed, "it is ours, and no client manages it"
    assert etc.repository("-t", "/t", **environ).cache_dir == Path("/t/cvmfs")


def test_an_alien_cache_of_the_site(etc: Etc, tmp_path: Path) -> None:
    del etc.environ["PARROT_TEMP_DIR"]
    text = f"CVMFS_ALIEN_CACHE={tmp_path}/alien\nCVMFS_SHARED_CACHE=no\n"
    etc.write({"default.local": text + "CVMFS_QUOTA_LIMIT=-1\n"})
    found = etc.repository()
    assert (found.cache_dir, found.alien, found.quota) == (tmp_path / "alien", True, None)
    etc.write({"default.local": text + "CVMFS_QUOTA_LIMIT=4000\n"})
    with pytest.raises(ConfigError, match=r"default.local:1: CVMFS_ALIEN_CACHE: an alien cache has no quota"):
        etc.effective()
    assert etc.repository("-t", str(tmp_path / "t")).quota == 4000 << 20


def test_a_domain_with_a_cache_of_its_own(etc: Etc, tmp_path: Path) -> None:
    del etc.environ["PARROT_TEMP_DIR"]
    etc.write({"default.conf": "CVMFS_CACHE_BASE=/nowhere\n"})
    etc.write({"domain.d/some.example.org.conf": "CVMFS_CACHE_BASE=$CVMFS_CACHE_BASE/storage\nCVMFS_QUOTA_LIMIT=1\n"})
    own = tmp_path / f"parrot.{os.getuid()}"
    found = etc.repository(TMPDIR=str(tmp_path))
    assert (found.cache_dir, found.quota) == (own / "cvmfs-storage", 1 << 20)
    other = etc.repository(TMPDIR=str(tmp_path), name="x.example.org")
    assert (other.cache_dir, other.quota) == (own / "cvmfs", 4000 << 20)


def test_global_options_of_libcvmfs(etc: Etc) -> None:
    found = etc.repository(PARROT_CVMFS_CONFIG="cache_directory=/c,nofiles=10,log_prefix=x,change_to_cache_directory")
    assert (found.cache_dir, found.alien) == (Path("/c"), False)
    found = etc.repository("-t", "/t", "--cvmfs-config", "cache_directory=/c,alien_cache,quota_limit=10")
    assert (found.cache_dir, found.alien, found.quota) == (Path("/c"), True, None)
    assert etc.repository(PARROT_CVMFS_CONFIG="alien_cachedir=/a,cachedir=/c").cache_dir == Path("/a")
    remarks = etc.run(PARROT_CVMFS_CONFIG="bogus=1,rebuild_cachedb").remarks
    assert "PARROT_CVMFS_CONFIG: 'bogus' has no effect: it is not known" in remarks
    assert "PARROT_CVMFS_CONFIG: 'rebuild_cachedb' has no effect" in remarks


def test_option_files_are_checked_at_the_start(etc: Etc, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the option file '/no/such': No such file"):
        etc.run("--cvmfs-option-file", "/no/such")
    (tmp_path / "broken").write_text("A=1\nB='\n")
    with pytest.raises(ConfigError, match=r"broken:2: a single quote is not closed"):
        etc.run(PARROT_CVMFS_OPTION_FILE=str(tmp_path / "broken"))
    (tmp_path / "wrong").write_text("CVMFS_TIMEOUT=fast\n")
    with pytest.raises(ConfigError, match=r"wrong:1: CVMFS_TIMEOUT: not a time: 'fast'"):
        etc.run("-r", f"a.cern.ch:url=http://h,pubkey={KEY}", "--cvmfs-option-file", str(tmp_path / "wrong"))
