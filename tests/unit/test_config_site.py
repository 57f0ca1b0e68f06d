"""/etc/cvmfs: which files are read, in which order, and what comes of it, through ``config.read``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py import config
from parrot_py.config import parameters
from parrot_py.config.effective import Effective
from parrot_py.config.model import RepositoryConfig
from parrot_py.errors import ConfigError

FQRN = "sw.some.example.org"
KEY = "/etc/passwd"


class Etc:
    """A site's configuration directory in *place*."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        self.argv: list[str] = []
        self.environ: dict[str, str] = {}

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run(self, *argv: str, **environ: str) -> config.RunConfig:
        environ = {"PARROT_CVMFS_ETC": str(self.place), **self.environ, **environ}
        wanted = config.read([*self.argv, *argv, "ls"], environ)
        assert isinstance(wanted, config.RunConfig)
        return wanted

    def effective(self, *argv: str, name: str = FQRN, **environ: str) -> Effective:
        found = self.run(*argv, **environ).repositories.effective(name)
        assert found is not None
        return found

    def repository(self, *argv: str, name: str = FQRN, **environ: str) -> RepositoryConfig:
        return self.effective(*argv, name=name, **environ).config

    def variable(self, name: str, *argv: str, **environ: str) -> str:
        return self.repository(*argv, **environ).variables[name]


@pytest.fixture
def etc(tmp_path: Path) -> Etc:
    made = Etc(tmp_path / "etc")
    made.environ["PARROT_TEMP_DIR"] = str(tmp_path / "temp")
    return made


ORDER = [
    "default.conf",
    "default.d/10-a.conf",
    "default.d/50-b.conf",
    "default.local",
    "domain.d/some.example.org.conf",
    "domain.d/some.example.org.local",
    f"config.d/{FQRN}.conf",
    f"config.d/{FQRN}.local",
]


def test_the_order_of_the_files(etc: Etc) -> None:
    etc.write({name: f'ORDER="$ORDER {name}"\nLAST={name}\nIN_{number}=1\n' for number, name in enumerate(ORDER)})
    etc.write({"domain.d/example.org.conf": "WRONG=1\n", "default.d/README": "WRONG=1\n", "config.d/x.conf": "WRONG=1"})
    found = etc.effective()
    assert found.config.variables["ORDER"].split() == ORDER
    assert "WRONG" not in found.config.variables
    for number, name in enumerate(ORDER):
        assert found.settings[f"IN_{number}"].origin == f"{etc.place / name}:3"
    assert found.settings["LAST"].origin == f"{etc.place / ORDER[-1]}:2"


def test_everything_of_a_site_of_its_own(etc: Etc) -> None:
    etc.write(
        {
            "default.local": "CVMFS_HTTP_PROXY='http://squid.example.org:3128'\nCVMFS_TIMEOUT=3\n",
            "domain.d/some.example.org.conf": f"""
                CVMFS_SERVER_URL="http://one/cvmfs/@fqrn@;http://two/@org@"
                CVMFS_PUBLIC_KEY={KEY}
                CVMFS_USE_GEOAPI=yes
            """,
        }
    )
    found = etc.repository()
    assert found.urls == (f"http://one/cvmfs/{FQRN}", "http://two/sw")
    assert found.public_keys == (Path(KEY),)
    assert found.proxies == (("http://squid.example.org:3128",),)
    assert (found.timeout, found.use_geoapi, found.local) == (3, True, True)


def test_a_site_wins_over_the_built_in_list(etc: Etc) -> None:
    etc.write({"domain.d/cern.ch.local": "CVMFS_SERVER_URL=http://mirror/@fqrn@\n"})
    found = etc.repository(name="cms.cern.ch")
    assert found.urls == ("http://mirror/cms.cern.ch",)
    assert len(found.public_keys) == 4
    assert not found.use_geoapi, "that was about the other servers"
    assert etc.repository(name="software.eessi.io").use_geoapi


def test_who_wins_over_whom(etc: Etc, tmp_path: Path) -> None:
    etc.write({"default.local": "A=file\nB=file\nC=file\nD=file\nE=file\n"})
    (tmp_path / "one").write_text("B=one\nC=one\nD=one\n")
    (tmp_path / "two").write_text("C=two\nD=two\nOLD=$C\n")
    (tmp_path / "named").write_text("B=named\n")
    files = ("--cvmfs-option-file", str(tmp_path / "one"), "--cvmfs-option-file", str(tmp_path / "two"))
    entry = f"{FQRN}:url=http://h,pubkey={KEY},CVMFS_E=entry"
    argv = ("-r", entry, *files, "--cvmfs-option", "D=option", "--cvmfs-option", "CVMFS_E=option")
    found = etc.effective(*argv, PARROT_CVMFS_OPTION_FILE="/no/such/file")
    values = {
        name: (found.settings[name].value, found.settings[name].origin) for name in ("A", "B", "C", "D", "CVMFS_E")
    }
    assert values == {
        "A": ("file", f"{etc.place}/default.local:1"),
        "B": ("one", f"{tmp_path}/one:1"),
        "C": ("two", f"{tmp_path}/two:1"),
        "D": ("option", "--cvmfs-option"),
        "CVMFS_E": ("entry", f"-r {FQRN}"),
    }
    assert found.config.variables["OLD"] == "two"
    assert etc.variable("B", PARROT_CVMFS_OPTION_FILE=str(tmp_path / "named")) == "named"


def test_option_files_build_on_the_site(etc: Etc, tmp_path: Path) -> None:
    etc.write({"default.conf": "CVMFS_TIMEOUT=4\n", "domain.d/some.example.org.conf": "CVMFS_TIMEOUT=6\n"})
    (tmp_path / "more").write_text("CVMFS_TIMEOUT=$((CVMFS_TIMEOUT * 2))\n")
    argv = ("-r", f"{FQRN}:url=http://h,pubkey={KEY}", "--cvmfs-option-file", str(tmp_path / "more"))
    assert etc.repository(*argv).timeout == 12


def test_only_names_with_a_line_of_their_own_count(etc: Etc) -> None:
    etc.write(
        {
            "common.conf": "INNER=1\nTAKEN=2\n",
            "default.local": 'TAKEN="$TAKEN"\n. ./common.conf\nexport EXPORTED\nA=1; HIDDEN=2\n  readonly  R=3 # x=y\n'
            "# COMMENTED=1\nif [ x = x ]; then\n  DEEP=1\nfi\nSPACED='  a \t b\n c '\nexport E=5\n: ${QUIET:=1}\n",
        }
    )
    found = etc.repository().variables
    assert {name: found[name] for name in ("TAKEN", "A", "R", "DEEP", "SPACED", "E")} == {
        "TAKEN": "2", "A": "1", "R": "3", "DEEP": "1", "SPACED": "a b c", "E": "5",
    }  # fmt: skip
    assert not {"INNER", "EXPORTED", "HIDDEN", "COMMENTED", "QUIET"} & set(found)


def test_a_value_is_that_after_the_whole_file(etc: Etc) -> None:
    etc.write({"default.conf": "A=1\nB=$A\nA=2\nC=3\nunset C\n"})
    found = etc.repository().variables
    assert (found["A"], found["B"]) == ("2", "1")
    assert "C" not in found


def test_files_see_the_environment_but_no_parameters_of_it(etc: Etc) -> None:
    etc.write({"default.conf": "SITE=${SITE:-default}\nT=${CVMFS_TIMEOUT:-none}\nWHERE=$CVMFS_MOUNT_DIR\n"})
    assert etc.variable("SITE") == "default"
    assert etc.variable("SITE", SITE="mine") == "mine"
    assert etc.variable("T", CVMFS_TIMEOUT="9") == "none"
    assert etc.variable("WHERE") == "/cvmfs"


def test_files_about_domains_see_the_wishes_of_the_user(etc: Etc) -> None:
    etc.write(
        {
            "default.local": "LATE=$CVMFS_USE_CDN\n",
            "domain.d/some.example.org.conf": "CDN=$CVMFS_USE_CDN\nP=$CVMFS_HTTP_PROXY\n",
        }
    )
    argv = ("--cvmfs-option", "CVMFS_USE_CDN=yes", "-p", "squid:1")
    found = etc.repository(*argv).variables
    assert (found["LATE"], found["CDN"], found["P"]) == ("", "yes", "http://squid:1")


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("CVMFS_TIMEOUT=fast\n", "default.local:1: CVMFS_TIMEOUT: not a time: 'fast'"),
        ("\nCVMFS_USE_GEOAPI=maybe\n", "default.local:2: CVMFS_USE_GEOAPI: neither yes nor no"),
        ("CVMFS_X=$(hostname)\n", "default.local:1: left out: the command 'hostname'"),
        ("CVMFS_X='\n", "default.local:1: a single quote is not closed"),
        ("CVMFS_SERVER_URL=nonsense\n", "default.local:1: CVMFS_SERVER_URL: not an http, https or file URL"),
        ("CVMFS_HTTP_PROXY='a:1; b:2'\n", "default.local:1: CVMFS_HTTP_PROXY: blanks beside"),
        ("CVMFS_CONFIG_REPOSITORY=late.example.org\n", "default.local:1: CVMFS_CONFIG_REPOSITORY comes too late"),
    ],
)
def test_a_mistake_of_the_site_is_a_warning(etc: Etc, text: str, warning: str) -> None:
    etc.write({"default.local": text + "CVMFS_MAX_TTL=7\n" if "'\n" not in text[-3:] else text})
    found = etc.effective()
    [line] = found.warnings
    assert line.startswith(f"{etc.place}/{warning}")
    assert (found.config.timeout, found.config.use_geoapi) == (5, False)


def test_a_file_that_may_not_be_read_is_left_out(etc: Etc, monkeypatch: pytest.MonkeyPatch) -> None:
    etc.write({"default.conf": "A=1\n", "default.local": "A=2\n"})
    real = os.open

    def refuse(path: str, *how: int, **more: int) -> int:
        if str(path).endswith(".local"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *how, **more)

    monkeypatch.setattr(os, "open", refuse)
    found = etc.effective()
    assert found.config.variables["A"] == "1"
    assert found.warnings == (f"{etc.place}/default.local: Permission denied: left out",)


def test_a_fifo_does_not_hang(etc: Etc) -> None:
    os.mkfifo(etc.place / "default.local")
    etc.write({"default.conf": f". {etc.place}/default.local\nA=1\n"})
    found = etc.effective()
    assert found.config.variables["A"] == "1"
    assert len(found.warnings) == 1


def test_without_a_site_nothing_is_read(tmp_path: Path) -> None:
    found = Etc(tmp_path / "none").effective(name="cms.cern.ch")
    assert found.warnings == ()
    assert found.config.urls


def test_nothing_is_read_before_a_repository_is_used(etc: Etc, monkeypatch: pytest.MonkeyPatch) -> None:
    etc.write({"default.conf": "A=1\n"})
    opened: list[str] = []
    real = os.open

    def watched(path: str, *how: int, **more: int) -> int:
        opened.append(str(path))
        return real(path, *how, **more)

    monkeypatch.setattr(os, "open", watched)
    wanted = etc.run()
    wanted.repositories.outline("cms.cern.ch")
    assert wanted.repositories.outline(".hidden") is None
    wanted.repositories.names()
    assert not [path for path in opened if path.startswith(str(etc.place))]
    assert not wanted.repositories.known("cms.cern.ch")
    wanted.repositories.find("cms.cern.ch")
    assert wanted.repositories.known("cms.cern.ch")
    once = [path for path in opened if path.startswith(str(etc.place))]
    wanted.repositories.find("cms.cern.ch")
    wanted.repositories.find("atlas.cern.ch")
    assert [path for path in opened if path.startswith(str(etc.place))] == once, "each file is read once"


def test_strict_mount(etc: Etc) -> None:
    etc.write({"default.local": "CVMFS_STRICT_MOUNT=yes\nCVMFS_REPOSITORIES=cms.cern.ch,lhcb.cern.ch\n"})
    table = etc.run().repositories
    assert table.find("cms.cern.ch") is not None
    assert table.find("atlas.cern.ch") is None
    named = etc.run("-r", f"atlas.cern.ch:url=http://h,pubkey={KEY}").repositories
    assert named.find("atlas.cern.ch") is not None, "what the user names is the user's business"


def test_names_without_a_dot(etc: Etc) -> None:
    assert not etc.repository(name="cms").urls
    etc.write({"default.conf": "CVMFS_DEFAULT_DOMAIN=cern.ch\n"})
    found = etc.repository(name="cms")
    assert found.fqrn == "cms.cern.ch"
    assert found.urls[0].endswith("/cms.cern.ch")


def test_an_entry_without_servers_stays_the_hosts_own(etc: Etc) -> None:
    etc.write({"default.conf": "CVMFS_SERVER_URL=http://h\n"})
    found = etc.repository("-r", FQRN)
    assert (found.local, found.urls) == (True, ())


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


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(parameters.by_name())), st.text(max_size=20)).map(lambda pair: "=".join(pair))
        | st.text(max_size=30),
        max_size=6,
    ).map("\n".join)
)
def test_any_file_of_a_site_is_understood_or_told(text: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "default.local").write_text(text, encoding="utf-8", errors="surrogatepass")
        environ = {"PARROT_CVMFS_ETC": place, "PARROT_TEMP_DIR": place}
        wanted = config.read(["ls"], environ)
        assert isinstance(wanted, config.RunConfig)
        urls: tuple[str, ...] = ("refused",)
        try:
            found = wanted.repositories.effective("cms.cern.ch")
            urls = found.config.urls if found else ("not to be shown",)
        except ConfigError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 - refusing it is as right
        finally:
            wanted.repositories.close()
        assert urls
