"""A real Slurm cluster of one node for a test: munged, slurmctld and slurmd with files and ports of their own."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import places
from tests.support.processes import eventually, kill, marked

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "sinfo", "squeue", "scancel")
PATIENCE = 60
"""Seconds that a loaded machine has for anything that takes one or two."""

CONFIGURATION = """\
ClusterName=parrot
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
CredType=cred/munge
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={prolog}
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={node} CPUs={cpus}
PartitionName=all Nodes=one Default=YES MaxTime=10 State=UP
"""
"""No control groups and no accounting: they need what a container has not.  More processors than there are."""


def needs_slurm() -> None:
    """Skip the test, with the reason, where a cluster cannot be started."""
    if not places.is_root():
        pytest.skip("Slurm's daemons start jobs of other users, which only root can")
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed (slurm-wlm, munge): {', '.join(missing)}")
    try:
        pwd.getpwuid(places.job_uid())
    except KeyError:
        pytest.skip(f"uid {places.job_uid()} has no entry in /etc/passwd, and Slurm starts nothing for it")


def quiet_port() -> int:
    """A port that nobody listens on, and that the kernel gives nobody who connects before its daemon has it."""
    while True:
        with socket.socket() as probe:
            port = random.randrange(20000, 32000)
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port


class Cluster:
    """A cluster that runs.  Jobs are submitted as the job's user."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.environ = {"PATH": os.environ["PATH"], "SLURM_CONF": str(place / "slurm.conf")}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def configure(self, prolog: Path, cpus: int) -> None:
        """Write the configuration, with ports that are free."""
        host = socket.gethostname().split(".")[0]
        text = CONFIGURATION.format(
            host=host, place=self.place, controller=quiet_port(), node=quiet_port(), prolog=prolog, cpus=cpus
        )
        (self.place / "slurm.conf").write_text(text)
        for name in ("state", "spool"):
            (self.place / name).mkdir()
        key = self.place / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)

    def start(self) -> None:
        """Start the daemons, each once what it needs is there."""
        files = {"socket": "socket", "key-file": "key", "seed-file": "seed", "pid-file": "pid", "log-file": "file"}
        munge = [f"--{option}={self.place}/munge.{end}" for option, end in files.items()]
        self._daemon("munged", "--foreground", "--force", *munge)
        self._until((self.place / "munge.socket").exists, "munged")
        self._daemon("slurmctld", "-D", "-f", self.environ["SLURM_CONF"])
        self._daemon("slurmd", "-D", "-f", self.environ["SLURM_CONF"], "-N", "one")
        self._until(lambda: self.ask("sinfo", "-h", "-o", "%T") == "idle", "an idle node")

    def _daemon(self, *argv: str) -> None:
        with (self.place / f"{argv[0]}.log").open("wb") as log:
            self._daemons.append(
                subprocess.Popen(
                    argv, env=self.environ, cwd=self.place, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )

    def _until(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait for *condition*; what went wrong comes with the words of the daemons."""

        def holds() -> bool:
            over = [str(daemon.args) for daemon in self._daemons if daemon.poll() is not None]
            assert not over, f"ended: {over}"
            return condition()

        try:
            eventually(holds, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}\n{self.ask('squeue')}") from error

    def logs(self) -> str:
        """What the daemons have said."""
        return "\n".join(f"-- {log.name}\n{log.read_text(errors='replace')}" for log in self.place.glob("*.log"))

    def ask(self, *argv: str) -> str | None:
        """What a client says; None when it fails, as it does while the controller does not answer."""
        told = subprocess.run(argv, env=self.environ, capture_output=True, text=True, timeout=PATIENCE, check=False)
        return told.stdout.strip() if told.returncode == 0 else None

    def submit(self, script: Path, environ: Mapping[str, str], *options: str) -> str:
        """Submit *script* as the job's user, in its own directory; the number of the job."""
        told = subprocess.run(
            ["sbatch", "--parsable", "-D", str(script.parent), *options, str(script)],
            env={**self.environ, **environ}, capture_output=True, text=True, timeout=PATIENCE, check=False,
            **places.as_job(),
        )  # fmt: skip
        assert told.returncode == 0, f"{told}\n{self.logs()}"
        return str(told.stdout.strip())

    def wait(self, job: str, seconds: float = 2 * PATIENCE) -> None:
        """Wait until all of a job is over."""
        over = ("squeue", "-h", "-j", job, "-t", "PENDING,RUNNING,SUSPENDED,COMPLETING", "-o", "%T")
        self._until(lambda: self.ask(*over) == "", f"job {job}", seconds)

    def stop(self) -> None:
        """End the daemons and whatever they have started."""
        for daemon in reversed(self._daemons):
            daemon.kill()
            daemon.wait()
        mark = f"SLURM_CONF={self.environ['SLURM_CONF']}"
        for pid in marked(mark):
            kill(pid)
        eventually(lambda: not marked(mark), PATIENCE, "the end of what Slurm has started")


@contextmanager
def cluster(prolog: Path, cpus: int) -> Iterator[Cluster]:
    """A cluster whose node claims *cpus* processors and runs *prolog* before each task."""
    # Not in the test's home: munged wants each directory above its files to be of root or of itself.
    place = Path(tempfile.mkdtemp(prefix="slurm-", dir=places.base()))
    place.chmod(0o755)
    made = Cluster(place)
    try:
        made.configure(prolog, cpus)
        made.start()
        yield made
    finally:
        made.stop()
        places.remove(place)
