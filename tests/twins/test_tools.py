"""Real tools on the tree: compilers, interpreters, version control, databases, builds, programs that live in it."""

from __future__ import annotations

import shutil

import pytest

from tests.twins.conftest import Twins

PROGRAMS = {
    "program": "$R/bin/report-static 0 a 'b c' ''; $R/bin/report-dynamic 0; $R/bin/exec-only 0",
    "loader inside": "$R/bin/report-own-loader 0 x; cd $R/bin && ./report-own-loader 0; PATH=$R/bin:$PATH report-own-loader 0",
    "loader called by name": "$R/lib/ld-linux-x86-64.so.2 --list $R/bin/report-own-loader | sed 's/ (0x.*//';"
    " $R/lib/ld-linux-x86-64.so.2 $R/bin/report-own-loader 0 | grep -v AT_EXECFN",
    "ldd": "ldd $R/bin/report-own-loader | sed 's/ (0x.*//'",
    "programs in a pipe": "$R/bin/report-own-loader 0 | $R/bin/../script.sh 0 | cat",
    "scripts": 'for s in $R/script*; do echo "== $s"; $s 3 x; echo "-> $?"; done 2>&1',
    "python script": "$R/script.py a b; cd $R; ./script.py; python3 script.py x",
    "LD_LIBRARY_PATH": "LD_LIBRARY_PATH=$R/lib cat $R/hello.txt",
    "LD_PRELOAD": "LD_PRELOAD=$R/lib/libc.so.6 cat $R/hello.txt",
}

TOOLS = {
    "python3": "cd ~; PYTHONPATH=$R/python python3 -c 'import twinpkg; print(twinpkg.value, twinpkg.__file__, twinpkg.__cached__)'; ls $R/python/twinpkg",
    "python3 import resources": 'PYTHONPATH=$R/python python3 -c \'from importlib.resources import files; print(files("twinpkg").joinpath("data.txt").read_text())\'',
    "python3 walks": "python3 -c 'import os,sys; print(sum(len(f)+len(d) for _,d,f in os.walk(sys.argv[1]))); print(sorted(os.scandir(sys.argv[1]+\"/dir\"), key=lambda e: e.name))' $R",
    "python3 errors": "cd $R; python3 -c 'import os\nfor f in (os.mkdir, os.rmdir, os.unlink, os.listdir, os.chdir, os.readlink, os.stat):\n"
    ' for p in ("dir", "hello.txt", "missing", "links/loop"):\n  try: f(p); print(f.__name__, p, os.getcwd()); os.chdir("/cvmfs/twin.parrot.test")\n'
    "  except OSError as e: print(f.__name__, p, e)'",
    "python3 multiprocessing": 'cd ~; python3 -c \'import multiprocessing as m\nif __name__=="__main__":\n with m.Pool(4) as p:'
    ' print(sum(p.map(len, p.map(__import__("pathlib").Path.read_bytes, [__import__("pathlib").Path("\'$R\'/many/f%04d" % i) for i in range(200)]))))\'',
    "gcc": "cd ~; gcc -I$R/include -o main $R/src/main.c && ./main; gcc -I$R/include -MM $R/src/main.c; gcc -H -fsyntax-only -I$R/include $R/src/main.c 2>&1 | grep cvmfs",
    "gcc from inside": "cd $R/src; gcc -I../include -o ~/main main.c && ~/main; gcc -I../include -c main.c 2>&1 | grep -c -i read-only",
    "make": "cd ~; make -s -j4 -f $R/make/Makefile && cat result; make -j4 -f $R/make/Makefile",
    "make inside": "cd $R/make; make -k -j4 2>&1 | grep -c -i 'read-only'",
    "git clone": "cd ~; git clone -q $R/repo.git c && cd c && git log --format='%H %s' && cat run && git status --short && git fsck 2>&1",
    "git reads": "git -C $R/repo.git log --stat --format=%H; git -C $R/repo.git show HEAD:README; git ls-remote $R/repo.git; git -C $R/repo.git tag new; echo $?",
    "sqlite3": 'python3 -c \'import sqlite3,sys; d=sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True); print(d.execute("select count(*), sum(square) from numbers").fetchone())\' $R/data.sqlite',
    "vi-like save": "cd ~; cp $R/src/main.c .; sed -i s/GREETING/PART/ main.c; diff $R/src/main.c main.c; patch -s main.c <<<'' ; echo $?",
    "compress": "gzip -c $R/big.bin | gzip -dc | cmp - $R/big.bin && echo equal; gzip -k $R/hello.txt; echo $?",
    "sort big": "sort -S 1M $R/big.bin 2>&1 | md5sum; shuf -n 0 $R/big.bin; split -b 1000000 $R/big.bin ~/part. && cat ~/part.* | cmp - $R/big.bin",
    "awk and perl": 'awk \'{print FILENAME, $0}\' $R/dir/one $R/dir/two; perl -e \'opendir(D, $ARGV[0]); print join(" ", sort readdir D), "\\n"; print -s "$ARGV[0]/file"\' $R/dir',
}

SQLITE = "sqlite3 -readonly $R/data.sqlite 'select count(*), max(square) from numbers'; sqlite3 $R/data.sqlite 'delete from numbers'; echo $?"


@pytest.mark.parametrize("script", [pytest.param(script, id=name) for name, script in {**PROGRAMS, **TOOLS}.items()])
def test_tool(twins: Twins, script: str) -> None:
    assert twins.shell(f"{script}; echo status $?", timeout=120).stdout


def test_sqlite3(twins: Twins) -> None:
    if not shutil.which("sqlite3"):
        pytest.skip("sqlite3 is not installed")
    assert b"5000|24990001" in twins.shell(SQLITE).stdout


def test_exit_and_death_by_signal_inside_a_shell(twins: Twins) -> None:
    told = twins.shell(
        'for s in TERM KILL SEGV HUP; do sh -c "cd $R && kill -$s \\$\\$"; echo $?; done; exit 41', status=41
    )
    assert told.stdout.split() == [b"143", b"137", b"139", b"129"]
