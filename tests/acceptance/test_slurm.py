"""share/slurm on a real cluster: an array job whose tasks share a cache, and a job that is cancelled."""

from __future__ import annotations

import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.parrot import Parrot, environment
from tests.support.processes import eventually, marked
from tests.support.sites import Site
from tests.support.slurm import PATIENCE, Cluster, cluster, needs_slurm

SHAKE = "/cvmfs/shake.parrot.test"
README = "A test repository.\n"
TASKS = 20
AT_ONCE = 8

# The task's number is an argument of the program, and the program's exit status.
ARRAY = f"""\
#!/bin/sh
#SBATCH --array=1-{TASKS} --output=%a.out --error=%a.err
srun parrot_run sh work "$SLURM_ARRAY_TASK_ID"
echo "ended with $?"
"""
WORK = f"""\
{SHAKE}/bin/hello
cd {SHAKE} && sha256sum big/* nested/*/file* || exit 99
exec {tree.TOP}/bin/report-own-loader "$1"
"""

ONE = """\
#!/bin/sh
#SBATCH --output=out --error=err
srun parrot_run sh work
"""
TOLD = f"""\
trap 'echo "$(cat {SHAKE}/README)" >last; exit' TERM
echo >started
while :; do sleep 0.1; done
"""
"""All in the foreground: a process made while Slurm signals the others would stay, and with it the run."""


class Node:
    """A cluster whose site has set up share/slurm, and where a user works."""

    def __init__(self, slurm: Cluster, home: Path) -> None:
        self.slurm = slurm
        self.home = home
        self.temporary = places.fresh(home / "tmp")
        self.mark = f"MARK={slurm.place}"
        more = {"PATH": f"{home}/bin:/usr/bin:/bin", "TMPDIR": str(self.temporary)}
        self.environ = {**environment(home, more), "MARK": str(slurm.place)}

    def write(self, name: str, text: str) -> Path:
        """A file of the user's."""
        path = self.home / name
        path.write_text(text)
        return places.give(path)

    def left_behind(self) -> list[Path]:
        """What runs have left of their sessions."""
        return list(self.temporary.glob("parrot.*/s/*"))


@pytest.fixture
def node(home: Path, real: Site, twin: Site) -> Iterator[Node]:
    needs_slurm()
    etc, programs = home / "etc", home / "bin"
    etc.mkdir()
    programs.mkdir()
    shutil.copy(places.CHECKOUT / "share" / "slurm" / "task_prolog", etc / "prolog")
    (etc / "prolog").chmod(0o755)
    values = {
        "PARROT_CVMFS_REPO": f"{real.entry('shake.parrot.test')} {twin.entry(tree.NAME)}",
        "PARROT_CVMFS_ALIEN_CACHE": str(home / "cache"),
    }
    (etc / "parrot.env").write_text("# The site's.\n" + "".join(f"{name}={text}\n" for name, text in values.items()))
    (etc / "task_prolog").write_text(f"#!/bin/sh\nPARROT_ENV={etc}/parrot.env exec {etc}/prolog\n")
    (etc / "task_prolog").chmod(0o755)
    (programs / "parrot_run").write_text(f'#!/bin/sh\nexec {shlex.join(places.launcher())} "$@"\n')
    (programs / "parrot_run").chmod(0o755)
    with cluster(etc / "task_prolog", AT_ONCE) as slurm:
        yield Node(slurm, home)


def test_an_array_job_with_one_cache(node: Node, real: Site, twin: Site) -> None:
    """Each task says what it says alone, and no object was asked for twice, though eight start at once."""
    alone = Parrot(places.fresh(node.home / "alone"), [real.entry("shake.parrot.test"), twin.entry(tree.NAME)])
    want = alone.run(["/bin/sh", str(node.write("work", WORK)), "1"], env=node.environ, cwd=node.home)
    assert (want.status, want.stderr) == (1, b""), want
    before = {site.server: len(site.server.requests) for site in (real, twin)}
    node.slurm.wait(node.slurm.submit(node.write("job", ARRAY), node.environ))
    for i in range(1, TASKS + 1):
        told = (node.home / f"{i}.out").read_bytes()
        said = want.stdout.replace(b"argv[1]: 1\n", b"argv[1]: %d\n" % i)
        assert told == said + b"ended with %d\n" % i, (node.home / f"{i}.err").read_bytes()
        assert (node.home / f"{i}.err").read_bytes() == b"srun: error: one: task 0: Exited with exit code %d\n" % i
    for server, first in before.items():
        objects = Counter(path for path in server.requests[first:] if "/data/" in path)
        assert objects
        assert set(objects.values()) == {1}, objects.most_common(3)
    assert node.left_behind() == []


def started(node: Node, work: str) -> str:
    """A job that does *work*, which has said that it runs; its number."""
    node.write("work", work)
    job = node.slurm.submit(node.write("job", ONE), node.environ)
    eventually((node.home / "started").exists, PATIENCE, "the job's start")
    return job


def all_over(node: Node, job: str) -> None:
    node.slurm.wait(job)
    eventually(lambda: not marked(node.mark), PATIENCE, "the end of all processes")


def test_a_job_that_is_told_to_end(node: Node) -> None:
    """As Slurm does before the time limit (--signal): the program hears of it and may still use the repository."""
    job = started(node, TOLD)
    node.slurm.ask("scancel", "--signal=TERM", job)
    all_over(node, job)
    assert (node.home / "last").exists(), (node.home / "err").read_text() + node.slurm.logs()
    assert (node.home / "last").read_text() == README
    assert node.left_behind() == []


def test_a_job_that_is_cancelled(node: Node) -> None:
    """No process stays, and what a run left that had no time to end itself is swept by the next one."""
    job = started(node, f"cat {SHAKE}/README\nsleep 1000 &\necho >started\nwait\n")
    assert marked(node.mark)
    node.slurm.ask("scancel", job)
    all_over(node, job)
    assert (node.home / "out").read_text() == README
    (node.home / "started").unlink()
    all_over(node, started(node, "echo >started\n"))
    assert node.left_behind() == []
