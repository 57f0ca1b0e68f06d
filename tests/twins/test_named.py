"""What failed under the original Parrot, by name: programs whose every answer must be that of a native run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import places
from tests.twins.conftest import Twins


def need(program: str) -> None:
    """Skip the test where the job's user can't start *program*."""
    found = shutil.which(program, path=f"/usr/local/bin:/usr/bin:/bin:{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip(f"{program} is not installed")
    try:
        subprocess.run([found, "--version"], capture_output=True, check=False, cwd="/", **places.as_job())
    except PermissionError:
        pytest.skip(f"uid {places.job_uid()} may not start {found}")


def python(twins: Twins, script: str) -> bytes:
    """Run a Python script on both sides, in an empty directory, with the top of the tree in R."""
    return twins.check(
        ["/usr/bin/env", "python3", "-c", f"R = '/cvmfs/twin.parrot.test'\n{script}"], timeout=120
    ).stdout


_SQLITE = """
import os, sqlite3
def use(mode):
    db = sqlite3.connect(f'{mode}.db', isolation_level=None)
    print(db.execute(f'pragma journal_mode={mode}').fetchall())
    db.execute('create table t (n integer primary key, x text)')
    for round in range(5):
        db.execute('begin')
        db.executemany('insert into t (x) values (?)', ((f'{round} {n} ' * 20,) for n in range(500)))
        db.execute('rollback' if round == 2 else 'commit')
    other = sqlite3.connect(f'{mode}.db', timeout=1)
    print(other.execute('select count(*), sum(length(x)) from t').fetchall())
    db.execute('begin immediate')
    try:
        other.execute('insert into t (x) values (1)')
    except sqlite3.OperationalError as error:
        print(error)
    db.execute('rollback')
    other.close()
    print(db.execute('pragma wal_checkpoint(truncate)').fetchall(), db.execute('pragma integrity_check').fetchall())
    db.execute('delete from t where n % 3 = 0')
    db.execute('vacuum')
    db.close()
    print(sorted(os.listdir('.')), os.path.getsize(f'{mode}.db'))
    import hashlib
    data = open(f'{mode}.db', 'rb').read()
    print(hashlib.sha256(data[100:]).hexdigest())
"""


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "memory", "wal"])
def test_sqlite_journal(twins: Twins, mode: str) -> None:
    assert b"[('ok',)]" in python(twins, f"{_SQLITE}\nuse('{mode}')")


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_sqlite_two_writers(twins: Twins, mode: str) -> None:
    script = f"""
import os, sqlite3
db = sqlite3.connect('a.db', isolation_level=None)
db.execute('pragma journal_mode={mode}')
db.execute('create table t (n integer)')
db.close()
for writer in range(2):
    if os.fork() == 0:
        db = sqlite3.connect('a.db', timeout=60, isolation_level=None)
        for n in range(50):
            db.execute('begin immediate'); db.execute('insert into t values (?)', (n,)); db.execute('commit')
        db.close()
        os._exit(0)
for writer in range(2):
    print(os.wait()[1])
db = sqlite3.connect('a.db')
print(db.execute('select count(*), sum(n) from t').fetchall(), db.execute('pragma integrity_check').fetchall())
"""
    assert b"(100, 2450)" in python(twins, script)


def test_sqlite_reads_the_tree(twins: Twins) -> None:
    script = """
import sqlite3
db = sqlite3.connect(f'file:{R}/data.sqlite?mode=ro', uri=True)
print(db.execute('select count(*), sum(square) from numbers').fetchall())
for text in ('delete from numbers', 'create table x (n)'):
    try:
        db.execute(text)
    except sqlite3.OperationalError as error:
        print(error)
db = sqlite3.connect('copy.db')
db.execute('attach ? as tree', (f'{R}/data.sqlite',))
db.execute('create table mine as select * from tree.numbers where n < 100')
print(db.execute('select count(*) from mine').fetchall())
"""
    assert b"[(5000," in python(twins, script)


def test_node_exec_sync(twins: Twins) -> None:
    need("node")
    script = """
const { execSync, spawnSync } = require('child_process');
const R = '/cvmfs/twin.parrot.test';
console.log(execSync(`cat ${R}/hello.txt; echo $0`).toString());
console.log(execSync('cat', { input: 'through a pipe' }).toString());
try { execSync(`cat ${R}/missing`, { stdio: 'pipe' }); } catch (e) { console.log(e.status, e.stderr.toString()); }
try { execSync('kill -9 $$'); } catch (e) { console.log(e.signal); }
const done = spawnSync(`${R}/script.sh`, ['3', 'x'], { encoding: 'utf8' });
console.log(done.status, done.stdout, done.stderr);
console.log(require('fs').readdirSync(`${R}/dir`));
"""
    said = twins.check(["/usr/bin/env", "node", "-e", script], timeout=120)
    assert b"SIGKILL" in said.stdout


def test_rustc(twins: Twins, home: Path) -> None:
    need("rustc")
    (home / "main.rs").write_text('fn main() { println!("{}", include_str!("/cvmfs/twin.parrot.test/hello.txt")); }\n')
    (home / "main.rs").chmod(0o644)
    said = twins.shell(f"rustc -o main {home}/main.rs && ./main && rustc --version", timeout=300)
    assert b"hello, world" in said.stdout


def test_java_version(twins: Twins) -> None:
    need("java")
    assert b"penJDK" in twins.shell("java -XX:TieredStopAtLevel=1 -version", timeout=120).stderr


def test_grep_r(twins: Twins) -> None:
    script = "grep -r hello $R --include=*.txt -l | sort; grep -r -c in $R/dir $R/links $R/nested 2>&1 | sort; true"
    assert b"hello.txt" in twins.shell(script).stdout


def test_grep_r_through_native_links(twins: Twins) -> None:
    script = (
        "ln -s $R/dir d; ln -s $R/hello.txt f; grep -r this . ; grep -R this . | sort; grep -r this d/ | sort; true"
    )
    assert b"./d/" in twins.shell(script).stdout


@pytest.mark.parametrize("number", [1, 2, 3, 6, 8, 9, 11, 13, 14, 15])
def test_child_killed_by_a_signal(twins: Twins, number: int) -> None:
    script = f"ulimit -c 0; sh -c 'kill -{number} $$'; echo $?; (cd $R/dir; sh -c 'kill -{number} $$'); echo $?"
    assert twins.shell(f"{{ {script}; }} 2>/dev/null").stdout == b"%d\n" % (128 + number) * 2


@pytest.mark.parametrize("mask", ["0", "022", "027", "077", "777"])
def test_umask_on_mkdir(twins: Twins, mask: str) -> None:
    script = (
        f"umask {mask}; mkdir d; mkdir -m 751 e; mkdir -p a 2>&1; : >f; stat -c '%a %n' d e a f; cd $R/dir; mkdir ~/g"
    )
    twins.shell(f"{script}; stat -c %a ~/g; chmod -R 700 ~; true")


REMOVALS = """
import os
for name in ('/cvmfs', '/cvmfs/', '/cvmfs/.', '//cvmfs', '/cvmfs/twin.parrot.test', '/cvmfs/twin.parrot.test/'):
    for remove in os.unlink, os.rmdir:
        try:
            remove(name)
        except OSError as error:
            print(remove.__name__, name, error)
"""


@pytest.mark.skipif(not places.is_root(), reason="the root directory of the native side belongs to the job's user")
def test_removing_the_place_of_all_repositories(twins: Twins) -> None:
    assert python(twins, REMOVALS).count(b"Permission denied") == 5
