"""/etc/cvmfs: which files are read, in which order, and what comes of it, through ``config.read``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py import config
from parrot_py.config import parameters
from parrot_py.errors import ConfigError
from tests.support.etc_cvmfs import FQRN, KEY, Etc, etc

__all__ = ["etc"]


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
