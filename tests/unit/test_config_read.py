"""``config.read``: the whole command line and environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py import __version__, config
from parrot_py.config import Message, Mount, RunConfig, options
from parrot_py.config.command_line import parse
from parrot_py.errors import ConfigError


def run(*argv: str, **environ: str) -> RunConfig:
    wanted = config.read(argv, environ)
    assert isinstance(wanted, RunConfig)
    return wanted


def message(*argv: str, **environ: str) -> Message:
    wanted = config.read(argv, environ)
    assert isinstance(wanted, Message)
    return wanted


def test_plain_command() -> None:
    wanted = run("ls", "-l", "/cvmfs", HOME="/h")
    assert wanted.command == ("ls", "-l", "/cvmfs")
    assert wanted.environ == (b"HOME=/h", b"PARROT_ENABLED=TRUE")
    assert wanted.tempdir == Path(f"/tmp/parrot.{os.getuid()}")
    assert wanted.cache_dir == wanted.tempdir / "cvmfs"
    assert (wanted.mounts, wanted.work_dir, wanted.debug_file, wanted.debug_rotate) == ((), None, None, 0)
    assert (wanted.timeout, wanted.use_seccomp, wanted.stats, wanted.shared_cache) == (60, True, False, False)
    assert wanted.debug_flags == {"fatal", "error", "notice"}
    assert wanted.remarks == wanted.warnings == ()


def test_repositories_belong_to_the_caller_and_know_the_environment() -> None:
    repository = run("-T", "5m", "-p", "squid:3128", "ls", CMS_LOCAL_SITE="T3").repositories.find(b"cms.cern.ch")
    assert repository is not None
    assert (repository.uid, repository.gid) == (os.getuid(), os.getgid())
    assert repository.variables["CMS_LOCAL_SITE"] == "T3"
    assert repository.deadline == 300
    assert repository.proxies == (("http://squid:3128",),)
    assert repository.cache_dir == Path(f"/tmp/parrot.{os.getuid()}/cvmfs")


def test_the_caller_may_change_its_environment_later() -> None:
    environ = {"A": "1"}
    wanted = config.read(["ls"], environ)
    environ["A"] = "2"
    assert isinstance(wanted, RunConfig)
    assert wanted.environ == (b"A=1", b"PARROT_ENABLED=TRUE")


def test_options_end_at_the_command() -> None:
    assert run("ls", "-d", "nonsense").command == ("ls", "-d", "nonsense")
    assert run("--", "-x").command == ("-x",)
    assert run("--stats", "--", "ls", "--").command == ("ls", "--")


@pytest.mark.parametrize(
    "argv",
    [
        ("--timeout", "5m"), ("--timeout=5m",), ("--timeou", "5m"), ("-T", "5m"), ("-T5m",), ("-FsT5m",), ("-FT", "5m"),
    ],
)  # fmt: skip
def test_spellings_of_options(argv: tuple[str, ...]) -> None:
    assert run(*argv, "ls").timeout == 300


def test_everything_at_once(tmp_path: Path) -> None:
    wanted = run(
        "-t", str(tmp_path), "-M", "/a=/b", "--mount=/c=/d", "-w", str(tmp_path), "-d", "cvmfs", "-d", "syscall",
        "-o", str(tmp_path / "log"), "-O", "10M", "--no-seccomp", "--stats", "--cvmfs-alien-cache", "/shared", "-r", "",
        "bash",
    )  # fmt: skip
    assert wanted.tempdir == wanted.work_dir == tmp_path
    assert (wanted.cache_dir, wanted.shared_cache) == (Path("/shared"), True)
    assert wanted.mounts == (Mount(b"/a", b"/b"), Mount(b"/c", b"/d"))
    assert wanted.debug_flags > {"cvmfs", "syscall"}
    assert (wanted.debug_file, wanted.debug_rotate) == (str(tmp_path / "log"), 10 << 20)
    assert (wanted.use_seccomp, wanted.stats) == (False, True)
    assert wanted.repositories.names() == []


def test_variables(tmp_path: Path) -> None:
    wanted = run(
        "ls",
        PARROT_CVMFS_REPO="a.cern.ch:url=http://h",
        PARROT_TEMP_DIR=str(tmp_path),
        PARROT_TIMEOUT="2m",
        PARROT_MOUNT_STRING="/a=/b",
        PARROT_DEBUG_FLAGS="cvmfs cache",
        PARROT_CVMFS_ALIEN_CACHE="/shared",
        http_proxy="squid:1",
    )
    assert "a.cern.ch" in wanted.repositories.names()
    assert wanted.repositories.find("b.cern.ch") is None
    assert (wanted.tempdir, wanted.timeout) == (tmp_path, 120)
    assert wanted.mounts == (Mount(b"/a", b"/b"),)
    assert wanted.debug_flags > {"cvmfs", "cache"}
    assert wanted.debug_file == ":stderr"
    assert (wanted.cache_dir, wanted.shared_cache) == (Path("/shared"), True)
    assert not any(entry.startswith(b"HTTP_PROXY=") for entry in wanted.environ)


def test_options_win_over_variables() -> None:
    wanted = run(
        "-r", "b.cern.ch:url=http://h", "-t", "/one", "-T", "1", "-d", "http", "-p", "p:1", "-M", "/c=/d",
        "--cvmfs-alien-cache", "/mine", "ls",
        PARROT_CVMFS_REPO="a.cern.ch:bogus",
        PARROT_TEMP_DIR="/two",
        PARROT_TIMEOUT="rubbish",
        PARROT_DEBUG_FLAGS="rubbish",
        PARROT_CVMFS_ALIEN_CACHE="/theirs",
        PARROT_MOUNT_STRING="/a=/b",
        HTTP_PROXY="ftp://x",
    )  # fmt: skip
    repository = wanted.repositories.find("b.cern.ch")
    assert repository is not None
    assert repository.proxies == (("http://p:1",),)
    assert wanted.repositories.find("a.cern.ch") is None
    assert (wanted.tempdir, wanted.timeout, wanted.cache_dir) == (Path("/one"), 1, Path("/mine"))
    assert wanted.debug_flags == {"http", "fatal", "error", "notice"}
    # Mounts accumulate; the later one has priority.
    assert wanted.mounts == (Mount(b"/a", b"/b"), Mount(b"/c", b"/d"))


def test_several_lists_are_one() -> None:
    names = run("-r", "a.cern.ch", "-r", "b.cern.ch", "ls").repositories.names()
    assert [name for name in names if name.endswith("cern.ch")] == ["a.cern.ch", "b.cern.ch"]


def test_tmpdir(tmp_path: Path) -> None:
    assert run("ls", TMPDIR=str(tmp_path)).tempdir == tmp_path / f"parrot.{os.getuid()}"
    assert run("ls", TMPDIR="").tempdir == Path(f"/tmp/parrot.{os.getuid()}")


def test_relative_places_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    wanted = run("-t", "temp", "-o", "log", "-w", "work", "ls")
    assert (wanted.tempdir, wanted.work_dir) == (tmp_path / "temp", tmp_path / "work")
    assert wanted.debug_file == str(tmp_path / "log")
    assert list(tmp_path.iterdir()) == [tmp_path / "work"], "reading a configuration must not change anything"


def test_keys_are_relative_to_the_start_not_to_the_work_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    listed = run("-r", "*.org:url=http://h,pubkey=*.pub", "ls").repositories
    monkeypatch.chdir("/")
    repository = listed.find("a.org")
    assert repository is not None
    assert repository.public_keys == (tmp_path / "a.pub",)


@pytest.mark.parametrize("target", [":stderr", ":stdout"])
def test_standard_streams_for_the_log(target: str) -> None:
    assert run("-o", target, "ls").debug_file == target


def test_blanks_in_proxies_warn() -> None:
    [warning] = run("-p", "a:1; b:2", "ls").warnings
    assert warning.startswith("-p: ")


@pytest.mark.parametrize(
    ("argv", "environ", "named"),
    [
        (("--bogus", "ls"), {}, "--bogus"),
        (("-y", "ls"), {}, "-y"),
        (("--no-se", "ls"), {}, "--no-se"),
        (("--stats=1", "ls"), {}, "--stats"),
        (("-t",), {}, "-t"),
        (("-t", "", "ls"), {}, "-t: not a path"),
        (("-T", "soon", "ls"), {}, "-T: not a time: 'soon'"),
        (("-O", "big", "ls"), {}, "-O: not a size: 'big'"),
        (("-M", "/a", "ls"), {}, "-M: not a redirection: '/a'"),
        (("-d", "cmvfs", "ls"), {}, "-d: unknown debug flag 'cmvfs'"),
        (("-U", "root", "ls"), {}, "-U: not the number of a user: 'root'"),
        (("-G", "4294967295", "ls"), {}, "-G: not the number of a group: '4294967295'"),
        (("-N", "", "ls"), {}, "-N: not a name of a machine"),
        (("-b", "0", "ls"), {}, "-b: not the size of a block: '0'"),
        (("-B", "2G", "ls"), {}, "-b: not the size of a block: '2G'"),
        (("-l", "", "ls"), {}, "-l: not a path"),
        (("ls",), {"PARROT_UID": "-1"}, "PARROT_UID: not the number of a user: '-1'"),
        (("-U", "9" * 5000, "ls"), {}, "-U: not the number of a user: '999"),
        (("ls",), {"PARROT_HOST_NAME": "n" * 65}, "PARROT_HOST_NAME: not a name of a machine"),
        (("ls",), {"PARROT_BLOCK_SIZE": "big"}, "PARROT_BLOCK_SIZE: not a size: 'big'"),
        (("-p", "ftp://x", "ls"), {}, "-p: cannot use the proxy 'ftp://x'"),
        (("-r", "a.org:bogus=1", "ls"), {}, "-r: a.org: unknown option 'bogus'"),
        (("ls",), {"PARROT_CVMFS_REPO": "a.org:bogus=1"}, "PARROT_CVMFS_REPO: a.org: unknown option 'bogus'"),
        (("ls",), {"PARROT_TIMEOUT": "soon"}, "PARROT_TIMEOUT: not a time: 'soon'"),
        (("ls",), {"PARROT_MOUNT_STRING": "x"}, "PARROT_MOUNT_STRING: not a redirection: 'x'"),
        (("ls",), {"PARROT_DEBUG_FLAGS": "x"}, "PARROT_DEBUG_FLAGS: unknown debug flag 'x'"),
        (("ls",), {"HTTP_PROXY": "a b"}, "HTTP_PROXY: not a proxy: 'a b'"),
        (("ls",), {"PARROT_MOUNT_FILE": "/no/such"}, "PARROT_MOUNT_FILE: cannot read '/no/such'"),
    ],
)
def test_mistakes_are_named(argv: tuple[str, ...], environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.read(argv, environ)
    assert named in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("option", options.REFUSED, ids=lambda option: option.key)
def test_options_that_cannot_be_obeyed_stop_the_start(option: options.Option) -> None:
    for name in option.names.split():
        with pytest.raises(ConfigError, match=f"^option {name}: .*not supported"):
            config.read([name, "x", "ls"], {})


@pytest.mark.parametrize("option", options.IGNORED, ids=lambda option: option.key)
def test_options_without_effect_leave_one_remark(option: options.Option) -> None:
    words = [word for name in option.names.split() for word in (name, *(["x"] if option.argument else []))]
    wanted = run(*words, *words, "ls")
    assert wanted.command == ("ls",)
    told = wanted.warnings if option.absent else wanted.remarks
    assert [line.split()[1] for line in told] == option.names.split()
    plain = run("ls")
    assert wanted._replace(remarks=(), warnings=(), repositories=plain.repositories) == plain
    if option.variable:
        named = run("ls", **{option.variable: "x"})
        [remark] = named.warnings if option.absent else named.remarks
        assert remark.startswith(f"{option.variable} has no effect: ")


@pytest.mark.parametrize("option", options.HONOURED, ids=lambda option: option.key)
def test_no_option_with_an_effect_leaves_a_remark(option: options.Option) -> None:
    for name in option.names.split():
        given_values = parse([name, *(["x"] if option.argument else []), "ls"], {})
        assert given_values.last(option.key) == ("x" if option.argument else "")
        assert given_values.remarks == ()


def test_every_spelling_belongs_to_one_option() -> None:
    names = [name for option in options.OPTIONS for name in option.names.split()]
    assert len(names) == len(set(names))
    assert all(bool(option.reason) != bool(option.help) for option in options.OPTIONS)


def test_help_shows_every_option_that_does_something() -> None:
    for argv in (("--help-all",), ("-d", "nonsense", "--help-all", "ls")):
        text, status = message(*argv)
        assert status == 0
        assert text.isascii(), "it must fit every terminal"
        for option in options.HONOURED:
            assert all(name in text for name in option.names.split())
            assert option.variable in text


def test_help_fits_a_small_screen() -> None:
    text, status = message("--help")
    assert (text, status) == message("-h")
    assert status == 0
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 80
    assert all(name in text for name in ("--help-all", "--tempdir", "--cvmfs-repos", "--proxy"))


@pytest.mark.parametrize("argv", [(), ("-d", "cvmfs"), ("--",)])
def test_without_a_command_there_is_help(argv: tuple[str, ...]) -> None:
    text, status = message(*argv)
    assert (text.startswith(message("--help")[0]), status) == (True, 1)
    assert text.endswith("\nparrot_run: no command was given [PP101]\n")


def test_version() -> None:
    assert message("--version") == message("-v") == (f"parrot_run (parrot_py) {__version__}\n", 0)


def test_is_running() -> None:
    assert message("--is-running") == ("", 1)
    assert message("--is-running", PARROT_ENABLED="TRUE") == ("", 1)  # a variable alone is no parrot_run


def test_check_driver() -> None:
    assert message("--check-driver", "cvmfs") == ("cvmfs is enabled\n", 0)
    assert message("--check-driver", "irods") == ("irods is not enabled\n", 1)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.text(), max_size=4))
def test_any_command_line_is_understood_or_refused(argv: list[str]) -> None:
    message = ""
    wanted: RunConfig | Message | None = None
    try:
        wanted = config.read(argv, {})
    except ConfigError as error:
        message = str(error)
    assert bool(message) == (wanted is None)
    assert not isinstance(wanted, RunConfig) or wanted.command
