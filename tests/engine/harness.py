"""Running one job under an :class:`Engine` and a :class:`Dispatcher` with drivers of the test's choice.

One engine lives in one thread of one process, so each job gets a child of the test process as its tracer.  The child
is forked, not started anew: the test hands it drivers, and a *director* that runs beside the tracer in a thread,
watches the job and decides when a driver may answer.
"""

from __future__ import annotations

import ctypes
import io
import logging
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import elftools.elf.elffile  # noqa: F401 - here and below: tracers of another user could not import it any more

from parrot_py import elf, sessiondir, threads  # noqa: F401
from parrot_py.config.model import Mount
from parrot_py.dispatch import Dispatcher, announce
from parrot_py.drivers.base import Driver
from parrot_py.drivers.memory import MemoryDriver, Node
from parrot_py.engine.core import Engine
from parrot_py.fdtable import FdTable
from parrot_py.namespace import Namespace
from parrot_py.process import Credentialer
from parrot_py.syscalls.call import Context
from parrot_py.syscalls.table import ROWS
from parrot_py.walk import Walker
from tests.support import places
from tests.support.parrot import environment
from tests.support.processes import eventually

NAME = b"mem.test"
TOP = "/cvmfs/mem.test"
PYTHON = "/usr/bin/python3"
TIMEOUT = 120
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


class Tracer:
    """What a director sees: the job, and what the tracer knows of it.  Used on another thread than the engine's."""

    def __init__(self, engine: Engine, dispatcher: Dispatcher, home: Path, root: int) -> None:
        self.engine, self.dispatcher, self.home, self.root = engine, dispatcher, home, root

    def parked(self) -> int:
        """How many stops wait for a worker, those among them that were given up included."""
        return sum(wait.joined for wait in self.dispatcher.parking.now())

    def wait_parked(self, count: int = 1) -> None:
        """Wait until that many stops are parked."""
        eventually(lambda: self.parked() >= count, what=f"{count} parked calls")

    def said(self) -> bytes:
        """What the job has written so far."""
        return (self.home / "stdout").read_bytes()

    def wait_said(self, text: bytes, seconds: float = 60) -> None:
        """Wait until the job has written *text*."""
        eventually(lambda: text in self.said(), seconds, f"{text!r} from the job")


Director = Callable[[Tracer], Any]


@dataclass
class Told:
    """How a job and its tracer ended."""

    status: int = -1
    """Exit status of the job's first process, or minus its signal."""
    stdout: bytes = b""
    stderr: bytes = b""
    log: str = ""
    counters: Mapping[str, int] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    left: int = -1
    """Records of threads that the engine still had at its end."""
    value: Any = None
    """What the director returned."""

    def expect(self, stdout: bytes | None = None, status: int = 0) -> Told:
        """Itself, if the job ended and spoke as it should."""
        fits = self.status == status and not self.stderr and stdout in (None, self.stdout)
        assert fits, f"status {self.status}\n{self.stdout!r}\n{self.stderr.decode()}\n{self.log}"
        assert self.left == 0
        return self


@dataclass
class Setup:
    """One job, ready to run.  *driver* (or a MemoryDriver over *tree*) is mounted at ``/cvmfs/mem.test``."""

    home: Path
    tree: Mapping[bytes, Node | bytes] = field(default_factory=dict)
    driver: Driver | None = None
    drivers: Mapping[bytes, Driver] = field(default_factory=dict)
    redirects: Sequence[tuple[bytes, bytes]] = ()
    use_seccomp: bool = True
    director: Director | None = None
    adjust: Callable[[Engine], None] | None = None
    root: bool = False
    env: Mapping[str, str] | None = None
    tempdir: Path | None = None
    closed: Sequence[int] = ()
    """Streams that the tracer, and so the job, is to start without."""

    def run(self, *argv: str | bytes | Path) -> Told:
        """Run *argv* to its end; fails when the tracer did not survive it or did not end in time."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, which the child never touches
            pid = os.fork()
        if pid == 0:
            self._child([os.fsencode(a) for a in argv])
        status = _wait(pid, self.home)
        said = [_text(self.home, name) for name in ("stdout", "stderr", "crash")]
        assert status == 0, "\n".join([f"the tracer ended with status {status}", *said])
        told = pickle.loads((self.home / "result").read_bytes())
        assert isinstance(told, Told)
        return told

    def python(self, code: str, *argv: str) -> Told:
        """Run Python code as the job: without site packages, ``os`` and ``sys`` imported."""
        return self.run(PYTHON, "-I", "-S", "-c", f"import os, sys\n{code}", *argv)

    # -- in the child

    def _child(self, argv: list[bytes]) -> None:
        code = 70
        try:
            os.setsid()
            self._become_job_user()
            self._redirect_streams()
            (self.home / "result").write_bytes(pickle.dumps(self._trace(argv)))
            code = 0
        except BaseException:  # noqa: BLE001 - nothing of the test process may go on here
            (self.home / "crash").write_text(traceback.format_exc())
        finally:
            os._exit(code)

    def _become_job_user(self) -> None:
        if not self.root and places.is_root():
            os.setgroups([])
            os.setgid(places.NOBODY)
            os.setuid(places.NOBODY)
        libc = ctypes.CDLL(None)
        # Who changed its user may not be traced, nor may its children, until it says so or starts a program.
        libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        # A test run that is killed leaves no tracer behind, and the tracer no job.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def _redirect_streams(self) -> None:
        sys.stdout = sys.__stdout__
        sys.stderr = sys.__stderr__
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        source = os.open("/dev/null", os.O_RDONLY)
        for fd, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(self.home / name, flags, 0o644), fd)
        os.dup2(source, 0)
        os.closerange(3, 1024)
        for fd in self.closed:
            os.close(fd)

    def _trace(self, argv: list[bytes]) -> Told:
        told, log = Told(), io.StringIO()
        logger = logging.getLogger("parrot_py")
        logger.handlers, logger.propagate = [logging.StreamHandler(log)], False
        logger.setLevel(logging.INFO)
        tempfile.tempdir = str(self.home)
        os.chdir(self.home)
        drivers = {NAME: self.driver or MemoryDriver(self.tree), **self.drivers}
        namespace = Namespace(drivers.get, lambda: list(drivers), [Mount(*pair) for pair in self.redirects])
        session = sessiondir.create(self.tempdir or self.home)
        engine = Engine([row.spec() for row in ROWS], use_seccomp=self.use_seccomp)
        try:
            dispatcher = self._dispatcher(engine, namespace, session)
            env = self.env if self.env is not None else environment(self.home)
            root = engine.spawn(argv, [os.fsencode(f"{k}={v}") for k, v in env.items()])
            director = _Beside(self.director, Tracer(engine, dispatcher, self.home, root))
            dispatcher.run()
            told.value = director.join()
        finally:
            namespace.close()
            sessiondir.remove(session)
        told.status = os.WEXITSTATUS(engine.root_status)
        if os.WIFSIGNALED(engine.root_status):
            told.status = -os.WTERMSIG(engine.root_status)
        told.stdout, told.stderr = ((self.home / name).read_bytes() for name in ("stdout", "stderr"))
        told.log, told.counters = log.getvalue(), engine.counters()
        told.calls = {row.name: engine.call_count(i) for i, row in enumerate(ROWS)}
        told.left = _records_left(engine)
        return told

    def _dispatcher(self, engine: Engine, namespace: Namespace, session: Path) -> Dispatcher:
        engine.set_session(os.fsencode(session))
        announce(engine, namespace)
        if self.adjust is not None:
            self.adjust(engine)
        fdtable = FdTable(session)
        credentials = Credentialer().of
        walker = Walker(namespace, fdtable, credentials)
        return Dispatcher(Context(engine, namespace, fdtable, walker, credentials, str(self.home / "derived")))


class _Beside:
    """A director at work."""

    def __init__(self, director: Director | None, tracer: Tracer) -> None:
        self.value: Any = None
        self.thread = threading.Thread(target=self._run, args=(director, tracer), daemon=True)
        if director is not None:
            self.thread.start()

    def _run(self, director: Director, tracer: Tracer) -> None:
        try:
            self.value = director(tracer)
        except BaseException:  # noqa: BLE001
            # What it was to let go on would wait for ever: end the tracer, and so the job.
            (tracer.home / "crash").write_text(traceback.format_exc())
            os._exit(70)

    def join(self) -> Any:
        if self.thread.ident is not None:
            self.thread.join()
        return self.value


def _records_left(engine: Engine) -> int:
    from parrot_py.engine._core import lib

    return int(lib.pp_tracees(engine._e))


def _wait(pid: int, home: Path) -> int:
    """The status of the tracer; whatever is left of its session is killed after TIMEOUT seconds."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    states = _states(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    said = {name: _text(home, name) for name in ("stdout", "stderr")}
    raise AssertionError(f"the job did not end within {TIMEOUT} s: {said}\n{states}")


def _states(tracer: int) -> str:
    """Where the tracer and its tracees are, for who has to find out why they hang."""
    found = []
    for task in [Path(f"/proc/{tracer}"), *Path("/proc").glob("[0-9]*/task/[0-9]*")]:
        try:
            status = (task / "status").read_text()
            if task.name == str(tracer) or f"TracerPid:\t{tracer}\n" in status:
                fields = [line for line in status.splitlines() if line.startswith(("State", "Sh", "Sig"))]
                said = [(task / name).read_text() for name in ("comm", "wchan", "syscall")]
                found.append(f"{task}: {fields} {said}")
        except OSError:
            continue
    return "\n".join(found)


def _text(home: Path, name: str) -> str:
    path = home / name
    return path.read_text(errors="replace") if path.exists() else ""
