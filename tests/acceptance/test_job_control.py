"""Conversations with shells on a terminal: what they show is, to the byte, what they show without parrot_run."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import places, tree
from tests.support.parrot import Parrot, environment
from tests.support.processes import eventually, marked, name, state
from tests.support.terminal import Terminal

PROMPT = r"ready> $"
BASH = ("/bin/bash", "--norc", "--noprofile", "--noediting", "-i")
DASH = ("/bin/dash", "-i")


class State(NamedTuple):
    """A program of the conversation is to be in one of these states; "F" is asleep in the foreground.

    A traced process that is stopped shows as "t", another one as "T"; but "t" is also what each call of it may be.
    """

    name: bytes
    states: str
    number: int = 1


UNTIL_STOPPED = "until jobs -s | grep -q .; do sleep 0.1; done; jobs\n"
Steps = Sequence[tuple[str, str | State]]
SLEEPS, READS = State(b"sleep", "F"), State(b"cat", "F")
INT, QUIT, STOP, END = "\x03", "\x1c", "\x1a", "\x04"


def converse(command: Sequence[str | bytes], home: Path, top: str, steps: Steps) -> tuple[str, int]:
    """Type each of *steps* and wait for what is to follow; all that the terminal showed, without process numbers."""
    home.mkdir(exist_ok=True)
    places.give(home)
    env = environment(home, {"PS1": "ready> ", "TERM": "dumb", "R": top, "PARROT_ENABLED": "TRUE"})
    with Terminal(command, env, home, **places.as_job()) as terminal:
        terminal.resize(24, 80)
        shown = terminal.read_until(PROMPT)
        for typed, expected in steps:
            terminal.type(typed)
            if isinstance(expected, State):
                reach(terminal, home, expected)
            else:
                shown += terminal.read_until(expected)
        terminal.type("exit 9\n")
        shown += terminal.rest()
        status = terminal.wait()
    return re.sub(r"\[(\d)\] \d+|\b\d{3,7} (?=Stopped|Running|Terminated|Killed|Quit)", r"[\1]", shown), status


def reach(terminal: Terminal, home: Path, wanted: State) -> None:
    """Wait until the program is there: what is typed before goes to the shell, natively, too."""

    def there() -> bool:
        named = [pid for pid in marked(str(home)) if name(pid) == wanted.name]
        if len(named) < wanted.number:
            return False
        if wanted.states == "F":
            front = terminal.foreground()
            return all(pid in front and state(pid) == "S" for pid in named)
        return all(steady(pid) in wanted.states for pid in named)

    eventually(there, what=f"{wanted}")


def steady(pid: int) -> str:
    """The state of a process if it has no other for a fifth of a second, else "?"."""
    first = state(pid)
    end = time.monotonic() + 0.2
    while first in "Tt" and time.monotonic() < end:
        if state(pid) != first:
            return "?"
        time.sleep(0.01)
    return first


def alike(run: Parrot, steps: Steps, shell: Sequence[str] = BASH) -> str:
    """The same conversation natively and under parrot_run."""
    native = converse(shell, run.home / "native", str(tree.twin_tree().plain), steps)
    under = converse(run.command(shell), run.home / "under", tree.TOP, steps)
    assert under == native
    return native[0]


CONVERSATIONS: dict[str, Steps] = {
    "stop, bg, fg": (
        ("cd $R; cat hello.txt -\n", "hello, world"),
        (STOP, PROMPT),
        ("jobs\n", PROMPT),
        ("jobs -s; jobs -r; echo $((40+2))\n", r"42\r\n" + PROMPT),
        ("fg\n", r"cat hello.txt -\r\n"),
        ("once more\n", r"once more\r\nonce more\r\n"),
        (INT, PROMPT),
        ("echo status $?\n", r"status 130\r\n" + PROMPT),
    ),
    "kill and wait": (
        ("sleep 600 & sleep 601 &\n", PROMPT),
        ("kill %1; wait %1; echo status $?\n", r"status 143\r\n.*" + PROMPT),
        ("kill -STOP %2; " + UNTIL_STOPPED, r"Stopped[^\n]*\r\n" + PROMPT),
        ("kill -CONT %2; until jobs -r | grep -q .; do sleep 0.1; done; jobs\n", r"Running[^\n]*\r\n" + PROMPT),
        ("kill -KILL %2; wait %2; echo status $?\n", r"status 137\r\n.*" + PROMPT),
    ),
    "leaving with stopped jobs": (
        ("sleep 600\n", SLEEPS),
        (STOP, r"Stopped[^\n]*\r\n" + PROMPT),
        ("exit\n", r"There are stopped jobs.\r\n" + PROMPT),
        ("kill %1; fg\n", PROMPT),
    ),
    "reading in the background": (
        ("cat & " + UNTIL_STOPPED, r"Stopped[^\n]*cat\r\n" + PROMPT),
        ("fg\n", r"fg\r\ncat\r\n"),
        ("", READS),
        ("now\n", r"now\r\nnow\r\n"),
        (END, PROMPT),
    ),
    "writing in the background": (
        ("stty tostop\n", PROMPT),
        ("cat $R/hello.txt & " + UNTIL_STOPPED, r"Stopped[^\n]*cat [^\n]*\r\n" + PROMPT),
        ("fg >/dev/null\n", r"hello, world\r\n" + PROMPT),
    ),
    "quit": (
        ("ulimit -c 0; sleep 600\n", SLEEPS),
        (QUIT, r"Quit\r\n" + PROMPT),
        ("echo status $?\n", r"status 131\r\n" + PROMPT),
    ),
    "pipelines": (
        ("cat $R/hello.txt - | cat | sleep 600\n", SLEEPS),
        (STOP, r"Stopped[^\n]*\r\n" + PROMPT),
        ("jobs | wc -l\n", r"1\r\n" + PROMPT),
        ("fg\n", r"fg\r\n[^\n]*sleep 600\r\n"),
        ("", SLEEPS),
        (INT, PROMPT),
        ("echo ${PIPESTATUS[*]}\n", PROMPT),
        ("cat $R/dir/one | (read line; echo got $line; cat $R/hello.txt) | cat\n", r"hello, world\r\n" + PROMPT),
    ),
    "raw": (
        ("stty raw -echo; dd bs=1 count=4 2>/dev/null | od -An -c; stty sane; echo $((40+2))\n", State(b"dd", "F")),
        ("a" + INT + STOP + "\r", r"42\r\n" + PROMPT),
        ("stty -a | grep -o -e '-*icanon' -e '-*echo '\n", PROMPT),
    ),
    "the window": (
        ("trap 'stty size' WINCH; stty size\n", r"24 80\r\n" + PROMPT),
        ("tput -T xterm cols; tput -T xterm lines\n", PROMPT),
    ),
    "exec and subshells": (
        ("(cd $R/dir; cat file; exit 3); echo status $?\n", r"status 3\r\n" + PROMPT),
        ("exec bash --norc --noprofile --noediting -i\n", PROMPT),
        ("cd $R/dir; exec bash --norc --noprofile --noediting -i\n", PROMPT),
        ("cat file; sleep 600\n", r"this is file\r\n"),
        ("", SLEEPS),
        (STOP, r"Stopped[^\n]*\r\n" + PROMPT),
        ("fg\n", r"sleep 600\r\n"),
        ("", SLEEPS),
        (INT, PROMPT),
    ),
    "a script with job control": (
        # On stderr it says, or does not say, that the job was terminated: that depends on who is faster.
        ("bash -c 'set -m; sleep 600 & jobs; kill %1; wait %1; echo status $?; fg || echo gone; cat $R/hello.txt'"
         " 2>/dev/null\n", r"world\r\n" + PROMPT),
    ),
    "suspend": (
        ("bash --norc --noprofile --noediting -i\n", PROMPT),
        ("cd $R; suspend\n", r"Stopped[^\n]*\r\n" + PROMPT),
        ("fg\n", r"fg\r\n[^\n]*\r\n" + PROMPT),
        ("cat hello.txt; exit\n", r"hello, world\r\nexit\r\n" + PROMPT),
    ),
    "script": (
        ("cd ~; script -q -c 'cd $R/dir; cat file; tty >/dev/null && stty size; exit 4' told\n", r"\d\r\n" + PROMPT),
        ("grep -c 'this is file' told\n", r"1\r\n" + PROMPT),
        ("script -q -e -c 'kill -9 $$' /dev/null; echo status $?\n", r"status \d+\r\n" + PROMPT),
    ),
    "setsid": (
        ("setsid --wait sh -c 'tty; ps -o tty= -p $$ | tr -d \" \"; cat $R/hello.txt </dev/tty' </dev/null\n", PROMPT),
    ),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_bash(run: Parrot, name: str) -> None:
    alike(run, CONVERSATIONS[name])


DASHES: dict[str, Steps] = {
    "stop, bg, fg": (
        ("cd $R; cat hello.txt -\n", "hello, world"),
        (STOP, PROMPT),
        ("jobs; fg\n", r"cat hello.txt -\r\n.*cat hello.txt -\r\n"),
        ("", READS),
        (INT, PROMPT),
    ),
    "reading in the background": (
        ("cat & until jobs >told; grep -q Stopped told; do sleep 0.1; done; jobs\n", r"Stopped[^\n]*\r\n" + PROMPT),
        ("fg\n", r"cat\s*\r\n"),
        ("", READS),
        (END, PROMPT),
    ),
}


@pytest.mark.parametrize("name", DASHES)
def test_dash(run: Parrot, name: str) -> None:
    alike(run, DASHES[name], DASH)


def test_the_window_changes(run: Parrot) -> None:
    """SIGWINCH reaches a shell that waits, and the foreground job of one."""
    for command in (BASH, run.command(BASH)):
        env = environment(run.home, {"PS1": "ready> ", "TERM": "dumb"})
        with Terminal(command, env, run.home, **places.as_job()) as terminal:
            terminal.read_until(PROMPT)
            terminal.type("trap 'echo now; stty size' WINCH\n")
            terminal.read_until(PROMPT)
            terminal.resize(30, 99)
            terminal.type("\n")
            terminal.read_until(r"now\r\n(\r\n)?30 99\r\n")  # the line that was typed may come into the trap's midst
            code = "s = {signal.SIGWINCH}; signal.pthread_sigmask(0, s); print(40 + 2, flush=True); signal.sigwait(s)"
            terminal.type(f"python3 -I -c 'import signal, os; {code}; print(os.get_terminal_size())'\n")
            terminal.read_until(r"42\r\n")
            terminal.resize(44, 132)
            terminal.read_until(r"columns=132, lines=44")
            terminal.read_until(PROMPT)
            terminal.type("exit 0\n")
            assert terminal.wait() == 0


OUTER: dict[str, Steps] = {
    "reading in the background": (
        ("JOB cat & " + UNTIL_STOPPED, r"Stopped[^\n]*cat\r\n" + PROMPT),
        ("fg >/dev/null\n", READS),
        ("now\n", r"now\r\nnow\r\n"),
        (END, PROMPT),
        ("echo status $?\n", r"status 0\r\n" + PROMPT),
    ),
    "killed in the background": (
        ("JOB sleep 600 &\n", State(b"sleep", "S")),
        ("kill %1; wait %1; echo status $?\n", r"status 143\r\n.*" + PROMPT),
    ),
    "stopped and continued in the background": (
        ("JOB sh -c 'echo begun; read x; echo got $x'\n", r"begun\r\n"),
        (STOP, r"Stopped[^\n]*\r\n" + PROMPT),
        ("bg >/dev/null; sleep 0.5; jobs >/dev/null\n", PROMPT),
        ("fg >/dev/null\n", r"fg >/dev/null\r\n"),
        ("this\n", r"got this\r\n" + PROMPT),
    ),
    "in a pipeline": (
        ("JOB cat $R/hello.txt - | JOB cat - | sleep 600\n", State(b"cat", "F", 2)),
        (STOP, r"Stopped[^\n]*\r\n" + PROMPT),
        ("fg >/dev/null\n", SLEEPS),
        (INT, PROMPT),
        ("echo status $?\n", r"status 130\r\n" + PROMPT),
    ),
    "quit": (
        ("ulimit -c 0; JOB sleep 600\n", SLEEPS),
        (QUIT, r"Quit\r\n" + PROMPT),
        ("echo status $?\n", r"status 131\r\n" + PROMPT),
    ),
}


@pytest.mark.parametrize("name", OUTER)
def test_a_native_shell_around_parrot_run(run: Parrot, name: str) -> None:
    """parrot_run in the place of its job: in pipelines, in the background, stopped.  Its shell sees no difference."""
    wrapper = run.home / "JOB"
    command = " ".join(f"'{word!s}'" for word in run.command([])[:-1])
    wrapper.write_text(f'#!/bin/sh\nexec {command} -- "$@"\n')
    native = run.home / "NATIVE"
    native.write_text('#!/bin/sh\nexec "$@"\n')
    for script in (wrapper, native):
        script.chmod(0o755)
    steps = OUTER[name]
    shown = []
    for word, top in ((native, str(tree.twin_tree().plain)), (wrapper, tree.TOP)):
        lines = [(typed.replace("JOB", "$JOB"), expected) for typed, expected in steps]
        start = ["/usr/bin/env", f"JOB={word}", *BASH]
        shown.append(converse(start, run.home / word.name.lower(), top, lines))
    assert shown[1] == shown[0]
