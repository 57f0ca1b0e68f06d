"""An interactive shell under parrot_run on a terminal: job control is as it always is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import places, tree
from tests.support.httpd import Fault
from tests.support.parrot import Parrot, environment
from tests.support.processes import eventually, marked, name
from tests.support.sites import Site
from tests.support.terminal import Terminal

PROMPT = r"ready> $"


@contextmanager
def shell(run: Parrot, *command: str) -> Iterator[Terminal]:
    env = environment(run.home, {"PS1": "ready> ", "TERM": "dumb", "MARK": str(run.home), "R": tree.TOP})
    argv = command or ("/bin/bash", "--norc", "--noprofile", "--noediting", "-i")
    with Terminal(run.command(argv), env, run.home, **places.as_job()) as terminal:
        yield terminal


def test_commands_and_exit(run: Parrot) -> None:
    with shell(run) as terminal:
        terminal.read_until(PROMPT)
        terminal.type("cd $R/dir && pwd && cat file && tty >/dev/null && echo on a $((40+2))\n")
        told = terminal.read_until(r"on a 42")
        assert f"{tree.TOP}/dir\r\nthis is file\r\n" in told
        terminal.read_until(PROMPT)
        terminal.type("stty size >/dev/null && ls --color=auto -C\n")
        assert "two" in terminal.read_until(PROMPT)
        terminal.type("exit 5\n")
        assert terminal.wait() == 5


def test_ctrl_c_ends_the_command_and_not_the_shell(run: Parrot) -> None:
    with shell(run) as terminal:
        terminal.read_until(PROMPT)
        terminal.type("cat $R/hello.txt - ; echo status $?\n")
        terminal.read_until("hello, world")
        terminal.type("\x03")
        terminal.read_until(PROMPT)
        terminal.type("echo still $((40+2))\n")
        terminal.read_until("still 42")
        terminal.type("exit\n")
        # bash ends with the status of the last command, which was fine.
        assert terminal.wait() == 0


def test_ctrl_z_and_fg(run: Parrot) -> None:
    with shell(run) as terminal:
        terminal.read_until(PROMPT)
        terminal.type("cd $R/dir; cat; echo after\n")
        terminal.type("one\n")
        terminal.read_until("one\r\none\r\n")
        terminal.type("\x1a")
        terminal.read_until("Stopped")
        terminal.read_until(PROMPT)
        terminal.type("jobs; cat file\n")
        terminal.read_until("this is file")
        terminal.read_until(PROMPT)
        terminal.type("fg\n")
        terminal.read_until("fg\r\ncat")
        terminal.type("two\n")
        terminal.read_until("two\r\ntwo\r\n")
        terminal.type("\x04")
        terminal.read_until(PROMPT)
        terminal.type("exit 0\n")
        assert terminal.wait() == 0


def test_background_and_bg(run: Parrot) -> None:
    with shell(run) as terminal:
        terminal.read_until(PROMPT)
        terminal.type("sh -c 'cd $R; echo begun $((40+2)); sleep 1; cat hello.txt'\n")
        terminal.read_until("begun 42")
        # Not before: a shell that waits for its child in vfork can't be stopped, natively neither.
        eventually(lambda: b"sleep" in {name(pid) for pid in marked(str(run.home))}, what="sleep to run")
        terminal.type("\x1a")
        terminal.read_until("Stopped")
        terminal.read_until(PROMPT)
        terminal.type("bg; wait; echo done $((40+2))\n")
        assert "hello, world" in terminal.read_until("done 42")
        terminal.type("exit 0\n")
        assert terminal.wait() == 0


def test_the_whole_run_is_stopped_and_continued_by_an_outer_shell(run: Parrot) -> None:
    """``parrot_run cat`` under a native shell: Ctrl-Z stops it, fg continues it, Ctrl-C ends it."""
    command = " ".join(f"'{word!s}'" for word in run.command(["cat", "-"]))
    env = environment(run.home, {"PS1": "ready> ", "TERM": "dumb", "MARK": str(run.home)})
    native = ["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"]
    with Terminal(native, env, run.home, **places.as_job()) as terminal:
        terminal.read_until(PROMPT)
        terminal.type(f"{command}\n")
        terminal.type("one\n")
        terminal.read_until("one\r\none\r\n")
        terminal.type("\x1a")
        terminal.read_until("Stopped")
        terminal.read_until(PROMPT)
        terminal.type("fg\n")
        terminal.read_until("'cat' '-'\r\n")
        terminal.type("two\n")
        terminal.read_until("two\r\ntwo\r\n")
        terminal.type("\x03")
        terminal.read_until(PROMPT)
        terminal.type("echo status $?\n")
        terminal.read_until("status 130")
        terminal.type("exit 0\n")
        assert terminal.wait() == 0
    eventually(lambda: not marked(str(run.home)), what="every process to end")


def test_ctrl_c_while_a_download_waits(run: Parrot, twin: Site) -> None:
    with shell(run) as terminal:
        terminal.read_until(PROMPT)
        terminal.type("ls -l $R/names >/dev/null\n")
        terminal.read_until(PROMPT)
        before = twin.server.count("*/data/*")
        twin.server.fault("*/data/*", Fault(delay=100))
        terminal.type("cat $R/names/@\n")
        eventually(lambda: twin.server.count("*/data/*") > before, what="the download to begin")
        terminal.type("\x03")
        terminal.read_until(PROMPT, 60)
        terminal.type("exit 0\n")
        assert terminal.process.wait(60) == 0


def test_hanging_up_ends_everything(run: Parrot) -> None:
    with shell(run) as terminal:
        terminal.read_until(PROMPT)
        terminal.type("sleep 600 & cat\n")
        eventually(lambda: len(marked(str(run.home))) >= 4, what="the job to start")
        terminal.hang_up()
        eventually(lambda: not marked(str(run.home)), what="every process to end, the one in the background too")


def test_a_daemon_outlives_the_terminal(run: Parrot) -> None:
    """What has a session of its own hears nothing of a hang-up, and parrot_run goes on for it."""
    with shell(run) as terminal:
        terminal.read_until(PROMPT)
        waiting = "until [ -e go ]; do sleep 0.1; done"
        terminal.type(f"setsid sh -c 'cd $R; cd -; {waiting}; cat $R/hello.txt >told' >/dev/null & sleep 600\n")
        eventually(lambda: b"sh" in {name(pid) for pid in marked(str(run.home))}, what="the daemon to start")
        terminal.hang_up()
        eventually(lambda: b"/bin/bash" not in {name(pid) for pid in marked(str(run.home))}, what="the shell to end")
        (run.home / "go").touch()
        told = run.home / "told"
        eventually(lambda: told.exists() and told.read_text() == "hello, world\n", what="the daemon to go on")
