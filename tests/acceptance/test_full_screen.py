"""Full-screen programs: what the screen shows under parrot_run is what it shows natively, character by character.

The terminal is a tmux of the test's own, outside parrot_run, which keeps the screen.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.parrot import Parrot
from tests.support.processes import eventually, marked
from tests.support.screen import Screen
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
COMPAT = pytest.mark.compat
pytestmark = pytest.mark.serial  # keys are typed when a screen shows something, which a busy machine may put off


def read_only(place: Path) -> Path:
    """A native copy of what the plays look at, which its owner cannot write by accident either."""
    plain = tree.twin_tree().plain
    place.mkdir()
    for name in ("dir", "many"):
        shutil.copytree(plain / name, place / name, symlinks=True)
    shutil.copy2(plain / "hello.txt", place)
    places.give_all(place)
    for path in (place, *place.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
    return place


Play = Callable[[Screen], Iterator[str]]


@pytest.fixture
def run(twin: Site, parrot: MakeParrot) -> Parrot:
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    return parrot([twin.entry(tree.NAME)])


def alike(run: Parrot, command: Sequence[str], play: Play) -> None:
    """The same play natively and under parrot_run shows the same screens, each sooner or later."""
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    inside = ["/bin/sh", "-c", 'cd "$R" && exec "$@"', "sh", *command]
    native = str(read_only(run.home / "tree"))
    with Screen(run.home / "n", inside, native) as screen:
        expected = [screen.at_rest().replace(native, "TOP") for _ in play(screen)]
        status = screen.ended()
    with Screen(run.home / "p", [*run.command(command)[: -len(command)], *inside], tree.TOP) as screen:
        for wanted, _ in zip_longest(expected, play(screen)):
            assert screen.becomes(lambda shown: shown.replace(tree.TOP, "TOP"), wanted) == wanted
        assert screen.ended() == status


def less(screen: Screen) -> Iterator[str]:
    """Paging, searching, the next file, jumping, another size of the window."""
    yield screen.wait("1")
    screen.type("Space")
    screen.type("/", "f0100", "Enter")
    yield screen.wait("f0100")
    screen.type("G")
    yield screen.wait("END")
    screen.type("5g")
    yield screen.wait("f0004")
    screen.tmux("resize-window", "-x", "60", "-y", "15")
    screen.type("1g", "R")
    yield screen.wait("f0000")
    screen.type(":n", "Enter")
    yield screen.wait("hello, world")
    screen.type("!", "cat dir/one", "Enter")
    yield screen.wait("this is one")
    screen.type("Enter", "q")


def test_less(run: Parrot) -> None:
    alike(run, ["bash", "-c", "ls many | less -S - hello.txt dir/two"], less)


def vim(screen: Screen) -> Iterator[str]:
    """Read a file of the tree, fail to write it, write a native one, browse a directory, run a command."""
    yield screen.wait("hello, world")
    screen.type("A", " and more", "Escape", ":w", "Enter")
    yield screen.wait("E")
    screen.type(":w! ~/mine", "Enter")
    yield screen.wait("written")
    screen.type(":e dir/sub/leaf", "Enter")
    screen.type(":e! dir/sub/leaf", "Enter")
    yield screen.wait("this is sub/leaf")
    screen.type(":r !pwd; cat $R/dir/file", "Enter")
    yield screen.wait("this is file")
    screen.tmux("resize-window", "-x", "60", "-y", "15")
    yield screen.wait("this is file")
    screen.type("C-z")
    screen.type(":cq", "Enter")


def test_vim(run: Parrot) -> None:
    alike(run, ["vim", "-u", "NONE", "-i", "NONE", "-n", "hello.txt"], vim)


@COMPAT
def test_vim_explores(run: Parrot) -> None:
    def play(screen: Screen) -> Iterator[str]:
        screen.wait("leaf")
        screen.type("/leaf", "Enter", "Enter")
        yield screen.wait("this is sub/leaf")
        screen.type(":Explore", "Enter")
        screen.wait("deeper")
        screen.type(":qa!", "Enter")

    alike(run, ["vim", "-u", "NONE", "-i", "NONE", "-n", "-N", "--cmd", "set nocp | filetype plugin on",
                "-c", "runtime plugin/netrwPlugin.vim", "-c", "Explore dir/sub"], play)  # fmt: skip


def python(screen: Screen) -> Iterator[str]:
    """The interactive interpreter with readline."""
    screen.wait(">>>")
    screen.type("import os; os.chdir(os.environ['R'] + '/dir'); sorted(os.listdir())", "Enter")
    yield screen.wait("'two']")
    screen.type("open('file').read", "()", "Enter")
    yield screen.wait("this is file")
    screen.type("Up", "Enter")
    yield screen.wait("this is file")
    screen.type("os.getc", "Tab", "b()", "Enter")
    screen.wait("dir")
    screen.type("import time; print(40 + 2); time.sleep(100)", "Enter")
    screen.wait("\n42")
    screen.type("C-c")
    yield screen.wait("KeyboardInterrupt")
    screen.type("exit(3)", "Enter")


def test_python(run: Parrot) -> None:
    alike(run, ["/usr/bin/python3", "-q", "-I"], python)


def bash(screen: Screen) -> Iterator[str]:
    """Completion of paths, line editing, history, a nested full-screen program."""
    screen.wait("ready>")
    screen.type("cat hel", "Tab", "Enter")
    yield screen.wait("hello, world")
    screen.type("cat $R/di", "Tab", "fi", "Tab", "Enter")
    yield screen.wait("this is file")
    screen.type("ls dir/", "Tab", "Tab")
    yield screen.wait("two")
    screen.type("sub/l", "Tab")
    screen.wait("ls dir/sub/leaf")
    screen.type("Enter")
    screen.wait("leaf\ndir/sub/leaf\nready>")
    screen.type("cd links; cd ../dir; pwd -P; echo ~/x/..")
    screen.wait("x/..")
    screen.type("C-a", "C-k", "Enter")
    screen.type("echo typed", "C-w", "again", "Enter", "Up", "Up", "Down", "Enter")
    yield screen.wait("again\nready> echo again\nagain")
    screen.type("exit 4", "Enter")


def test_bash(run: Parrot) -> None:
    inside = ["bash", "-c", 'PS1="ready> " exec bash --norc --noprofile -i']
    alike(run, inside, bash)


INNER_TMUX = """\
tmux -S "$HOME/inner" -f/dev/null new-session -d -x 70 -y 20 'PS1="in> " exec bash --norc --noprofile -i'
t() { tmux -S "$HOME/inner" "$@"; }
until t capture-pane -p | grep -q 'in>'; do sleep 0.1; done
t send-keys 'cd $R/dir; cat file; stty size' Enter
until t capture-pane -p | grep -q '^20 70'; do sleep 0.1; done
t capture-pane -p | grep -v '^$'
t split-window -h 'cat $R/hello.txt -'; t list-panes -F '#{pane_width} #{pane_current_command}' | sort
t resize-pane -L 5; t display-message -p '#{pane_current_path}'
(cd $R/dir; t new-window -c "$PWD" 'pwd; exec cat'); until t capture-pane -p | grep -q .; do sleep 0.1; done
t capture-pane -p | grep .
t kill-server; echo killed $?; until ! t ls >/dev/null 2>&1; do sleep 0.1; done; echo over
"""


def test_tmux_inside(run: Parrot) -> None:
    """Its server is a daemon, which parrot_run waits for."""

    def play(screen: Screen) -> Iterator[str]:
        yield screen.wait("over")

    alike(run, ["bash", "-c", INNER_TMUX + "exit 5"], play)
    eventually(lambda: not marked(str(run.home / "p")), what="every process to end")


def test_a_tmux_that_outlives_the_first_process(run: Parrot) -> None:
    """The session is left and found again; the run ends with the server, with the status of the first process."""
    start = 'tmux -S "$HOME/inner" -f/dev/null new-session -d "cd /cvmfs; exec cat"; exit 6'
    with Screen(run.home / "p", run.command(["bash", "-c", start]), tree.TOP) as screen:
        inner = ["tmux", "-S", str(run.home / "p" / "inner")]

        def ask(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*inner, *words], env=screen.env, capture_output=True, text=True, check=False, **places.as_job()
            )

        eventually(lambda: ask("ls").returncode == 0, what="the server to be there")
        assert not (screen.home / "told").exists()
        assert ask("kill-server").returncode == 0
        assert screen.ended() == "ended 6"


SCREEN = """\
export SCREENDIR=$HOME/screens; mkdir -m 700 $SCREENDIR
screen -c /dev/null -dmS one sh -c 'cd $R/dir; pwd; cat file; exec cat'
until screen -S one -Q windows >/dev/null 2>&1; do sleep 0.1; done
until screen -S one -X hardcopy $HOME/copy && grep -q 'is file' $HOME/copy 2>/dev/null; do sleep 0.1; done
screen -S one -X stuff 'typed^M'
until screen -S one -X hardcopy $HOME/copy && grep -q typed $HOME/copy; do sleep 0.1; done
grep . $HOME/copy
screen -S one -X quit; until ! screen -ls | grep -q one; do sleep 0.1; done
echo over
"""


@COMPAT
def test_screen_inside(run: Parrot) -> None:
    if not shutil.which("screen"):
        pytest.skip("screen is not installed")

    def play(screen: Screen) -> Iterator[str]:
        yield screen.wait("over")

    alike(run, ["bash", "-c", SCREEN], play)


EXPECT = r"""
set timeout 20
spawn -noecho bash --norc --noprofile --noediting -i
expect -re {\$ $}
send "PS1='now> '\r"
expect -re {now> $}
send "cd \$R/dir; cat file; stty size >/dev/null; sleep 600\r"
expect "this is file"
sleep 1
send "\003"
expect -re {now> $}
send "echo status \$?; exit 4\r"
expect "status 130"
expect eof
exit [lindex [wait] 3]
"""


def test_expect(run: Parrot) -> None:
    if not shutil.which("expect"):
        pytest.skip("expect is not installed")
    script = run.home / "script.exp"
    script.write_text(EXPECT)

    def play(screen: Screen) -> Iterator[str]:
        screen.ended()
        yield screen.shown()

    alike(run, ["expect", "-f", str(script)], play)
