"""gdb, strace and ltrace say the same inside as they do natively, about native programs and those of a repository."""

from __future__ import annotations

import shutil

import pytest

from tests.support.programs import program
from tests.twins.conftest import Twins

SAME = r"""sed -E 's/0x[0-9a-f]+/H/g; s/[0-9]{3,}/N/g; s/ +/ /g'"""
"""Numbers of processes and addresses aside."""


def gdb(*commands: str, rest: str) -> str:
    """The command line of a gdb that does *commands* with what *rest* says."""
    chosen = ("set confirm off", "set width 0", *commands)
    return " ".join(["gdb -batch -nx", *(f"-ex '{command}'" for command in chosen), rest])


LIVE = "$P $R x & p=$!; sleep 0.3; "
END = "; kill $p; wait $p; echo $?"
AT_2 = ("break spot if i == 2", "run", "p i", "bt 1", "x/i $pc", "delete", "c")
AT_CHILD = ("set follow-fork-mode child", "break spot if i == 100", "run", "bt 1", "delete", "c")
OWN_LOADER = ("break main", "run", "info sharedlibrary", "info auxv", "c")
SEEN = "grep -v restart log 2>&1 | sed -n 4p | cut -c1-12"  # a sleep that attaching has interrupted goes on first
OPENS = "strace -f --seccomp-bpf -e trace=openat -o log sh -c 'cat $R/hello.txt; ls $R/dir'"
TWO = "strace -ff -e trace=openat,execve,exit_group -o log sh -c '$R/script.sh 2; exec cat $R/hello.txt'"
NOISE = "grep -v -e execve -e getrandom -e mmap -e ^write -e clone3 -e futex -e SIGCHLD"
CASES = {
    "gdb: break, look, go on": gdb(*AT_2, rest="$P $R"),
    "gdb: step at the beginning": gdb("starti", "stepi 300", "p $_siginfo.si_signo", "kill", rest="$P $R"),
    "gdb: watch a variable": gdb("break main", "run", "watch hits", "c", "c", "delete", "c", rest="$P $R"),
    "gdb: follow the child": gdb(*AT_CHILD, rest="$P $R"),
    "gdb: stop at calls": gdb("catch syscall exit_group", "run", "p $orig_rax", "c", rest="$P $R"),
    "gdb: call a function of the program": gdb(
        "break main", "run", "p (int)getuid() == (int)getuid()", "kill", rest="$P $R"
    ),
    "gdb: attach by number": LIVE + gdb("p rounds > 0", "detach", rest="-p $p") + END,
    "gdb: a core of a running program": LIVE
    + f"gcore -o core $p >/dev/null{END}; "
    + gdb("p rounds > 0", rest="$P core.$p | tail -1"),
    "gdb: a program of the repository": gdb("break main", "run", "bt 1", "c", rest="$R/bin/report-dynamic"),
    "gdb: a program with its own loader": gdb(*OWN_LOADER, rest="$R/bin/report-own-loader"),
    "strace": f"strace -o log $P $R; {NOISE} log",
    "strace: children, in the order of each": f"{TWO}; sort log.* | grep -v -e etc -e vars",
    "strace: a filter of its own": f"{OPENS}; cut -d' ' -f2- log | sort",
    "strace: counting": "strace -f -c -o log $P $R; grep -c -e total -e clone -e openat log",
    "strace: a running program": LIVE
    + f"strace -o log -p $p & s=$!; until {SEEN} | grep -q .; do sleep 0.1; done; kill $s; wait $s; echo $?; {SEEN}"
    + END,
    "strace: a changed error": "strace -f -e inject=openat:error=ENOTBLK:when=3 -o log cat $R/hello.txt",
    "strace: a changed result": "strace -e inject=getcwd:retval=5 -o log pwd >out; echo $?",
    "strace: signals": "strace -e trace=none -o log sh -c 'trap \"echo caught\" USR1; kill -USR1 $$; kill $$'; cat log",
    "strace of strace": "strace -o outer strace -o inner $P $R; tail -qn1 inner outer; grep -c PTRACE_SYSCALL outer",
    "ltrace": "ltrace -o log $P $R; cut -d'(' -f1 log | sort | uniq -c",
}


@pytest.mark.parametrize("script", CASES.values(), ids=CASES.keys())
def test_debugger(twins: Twins, script: str) -> None:
    for tool in ("gdb", "strace", "ltrace"):
        if f"{tool} " in script and shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    path = program("debugged", "-g", "-O0")
    native = twins.shell(f"P={path}; export P R\n{{ {script}\n}} >told 2>&1\n{SAME} told", timeout=120)
    assert native.stdout.count(b"\n") > 0
    assert b"not permitted" not in native.stdout, native
