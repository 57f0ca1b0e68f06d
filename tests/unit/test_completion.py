"""Completion as bash, zsh and fish really do it, and the table that it is made from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from parrot_py import completion
from parrot_py.completion.commands import Command, Option
from parrot_py.config.options import HONOURED
from parrot_py.control import companions, files, mount
from tests.support.terminal import Terminal

CHECKOUT = Path(__file__).resolve().parents[2]
COMMANDS = {command.name: command for command in completion.commands()}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files, installed."""
    top = tmp_path_factory.mktemp("prefix")
    command = [sys.executable, "-m", "parrot_py.completion", "--install", str(top)]
    subprocess.run(command, check=True, cwd=CHECKOUT)
    return top


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A directory with a file and a directory to complete."""
    (tmp_path / "some-file").touch()
    (tmp_path / "some-directory").mkdir()
    return tmp_path


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


WANTED = [
    ("parrot_run --cvmfs-al", {"--cvmfs-alien-cache"}),
    ("parrot_run --stats-file some-", {"some-file", "some-directory"}),
    ("parrot_run -t some-", {"some-directory"}),
    ("parrot_run --disable-service h", {"http", "https"}),
    ("parrot_run -t x --doc", {"--doctor"}),
    ("parrot_run -t x mkfi", {"mkfifo"}),
    ("parrot_run -t x -- mkfi", {"mkfifo"}),
    ("parrot_run cat some-f", {"some-file"}),
    ("parrot_cvmfs pre", {"prefetch"}),
    ("parrot_cvmfs prefetch --cat", {"--catalogs"}),
    ("parrot_cvmfs -t x get --f", {"--force"}),
    ("parrot_cvmfs -d cvm", {"cvmfs"}),
    ("parrot_publish --hash sha", {"sha1", "shake128"}),
    ("parrot_publish --whitelist", {"--whitelist-days"}),
    ("parrot_publish --source some-", {"some-directory"}),
    ("parrot_mount --un", {"--unmount"}),
    ("parrot_md5 -a sha25", {"sha256"}),
    ("parrot_search --he", {"--help"}),
    ("make_growfs --he", {"--help"}),
]
lines = pytest.mark.parametrize(("line", "wanted"), WANTED, ids=lambda each: each if isinstance(each, str) else "")


@lines
def test_bash(line: str, wanted: set[str], prefix: Path, work: Path) -> None:
    words = line.split(" ")
    script = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        # compopt works in a real completion only
        'compopt() { :; }; read -r _ _ function _ < <(complete -p "$1"); "$function"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    file = prefix / "share/bash-completion/completions" / words[0]
    command = [needed("bash"), "-c", script, "bash", str(file), *words]
    told = subprocess.run(command, cwd=work, capture_output=True, text=True, check=True)
    assert (set(told.stdout.split()), told.stderr) == (wanted, "")


def test_bash_takes_an_argument_behind_an_equals_sign(prefix: Path, work: Path) -> None:
    test_bash("parrot_run --tempdir = some-", {"some-directory"}, prefix, work)
    test_bash("parrot_run --tempdir = x --doc", {"--doctor"}, prefix, work)


@lines
def test_fish(line: str, wanted: set[str], prefix: Path, work: Path) -> None:
    file = prefix / "share/fish/vendor_completions.d" / f"{line.split(' ')[0]}.fish"
    command = [needed("fish"), "--no-config", "-c", 'source "$argv[1]"; complete -C "$argv[2]"', str(file), line]
    env = {**os.environ, "HOME": str(work), "XDG_CONFIG_HOME": str(work), "XDG_DATA_HOME": str(work)}
    told = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=True)
    found = {row.split("\t")[0].rstrip("/") for row in told.stdout.splitlines()}
    assert wanted <= found
    assert {
        each for each in found if each.startswith(line.rpartition(" ")[2])
    } == wanted  # fish offers near misses, too


ZSHRC = """
fpath=({functions} $fpath)
autoload -U compinit
compinit -u -D
setopt menu_complete
show() {{ zle -I; print -r -- "<<$BUFFER>>"; BUFFER=; }}
zle -N show
bindkey '^X' show
print begin
"""


def test_zsh(prefix: Path, work: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In one shell, since its start is slow.  Of several matches menu_complete puts the first one on the line."""
    home = tmp_path_factory.mktemp("home")
    (home / ".zshrc").write_text(ZSHRC.format(functions=prefix / "share/zsh/site-functions"))
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "ZDOTDIR": str(home), "TERM": "xterm"}
    with Terminal([needed("zsh"), "-o", "no_global_rcs", "-i"], env, work) as terminal:
        terminal.read_until("begin", 60)
        for line, wanted in WANTED:
            terminal.type(f"{line}\t\x18")
            shown = re.search("<<(.*)>>", terminal.read_until("<<.*>>", 60))
            assert shown is not None
            start, _, word = shown[1].rstrip().rpartition(" ")
            assert (start, word.rstrip("/=") in wanted) == (line.rpartition(" ")[0], True), shown[1]


def test_zsh_functions_are_written_correctly(prefix: Path) -> None:
    zsh = needed("zsh")
    for file in (prefix / "share/zsh/site-functions").iterdir():
        subprocess.run([zsh, "-n", str(file)], check=True)


def names(options: tuple[Option, ...]) -> set[str]:
    return {name for option in options for name in option.names}


def test_all_commands_are_there() -> None:
    scripts = re.search(r"\[project\.scripts\]\n((?:\w+ = .*\n)+)", (CHECKOUT / "pyproject.toml").read_text())
    assert scripts is not None
    assert set(COMMANDS) == set(re.findall(r"^(\w+) =", scripts[1], re.MULTILINE))


def test_options_of_the_tables() -> None:
    assert names(COMMANDS["parrot_run"].options) == {name for row in HONOURED for name in row.names.split()}


@pytest.mark.parametrize(
    ("name", "main"),
    [
        ("parrot_mount", mount.main),
        ("parrot_locate", companions.locate),
        ("parrot_md5", companions.md5),
        ("parrot_search", files.search),
        ("parrot_timeout", companions.timeout),
    ],
)
def test_companions_say_the_same(name: str, main: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(main)
    assert main(["--help"]) == 0
    usage = set(re.findall(r"(?<![\w-])--?[a-z]\w*", capsys.readouterr().out))
    assert names(COMMANDS[name].options) - {"-h", "--help"} == usage


def test_texts_survive_quoting() -> None:
    command = Command("x", "it's", (Option(("--a",), 'a "b" it\'s [c]: d\\e', "FILE"),))
    for shell, make in completion.SHELLS.items():
        told = subprocess.run([needed(shell), "-n"], input=make(command), capture_output=True, text=True)
        assert (told.returncode, told.stderr) == (0, ""), shell
