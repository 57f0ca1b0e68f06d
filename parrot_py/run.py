"""One run: put the parts together, start the job, serve it, end as it ended."""

from __future__ import annotations

import errno
import gc
import logging
import os
import resource
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from parrot_py import codes, guise, reports, sessiondir, watching
from parrot_py.accesses import Accesses, fetching_ahead
from parrot_py.caller import Given, complain, flush, limits
from parrot_py.config import directories
from parrot_py.config.model import Mount, RunConfig
from parrot_py.control import SOCKET
from parrot_py.control.door import Door
from parrot_py.dispatch import Dispatcher, announce
from parrot_py.drivers.base import Driver, may_block
from parrot_py.engine.clib import share_heap
from parrot_py.engine.core import DIRECTORY, FILTER, LIMITS, Engine
from parrot_py.errors import ConfigError, EngineError, Told
from parrot_py.fdtable import FdTable
from parrot_py.guise import Guise
from parrot_py.joining import NOT_EXECUTABLE, NOT_FOUND, inside, join
from parrot_py.namespace import ROOT, Namespace
from parrot_py.process import Credentialer, proc_trouble
from parrot_py.services import Services
from parrot_py.syscalls.call import Context
from parrot_py.threads import STACK
from parrot_py.walk import Walker

if TYPE_CHECKING:
    from parrot_py.names import Names
    from parrot_py.packages.unpacked import Unpacked

GC_THRESHOLD = (50_000, 10, 10)
"""When the tracer looks for garbage in cycles, of which it makes next to none.

With Python's own 700 a sixth of the time for a listing of 10,000 names went into looking.
"""

log = logging.getLogger("parrot_py.process")
cvmfs = logging.getLogger("parrot_py.cvmfs")


class Repositories:
    """Makes the driver of a repository when its name is first used."""

    def __init__(self, config: RunConfig, accesses: Accesses) -> None:
        self._table = config.repositories
        self._accesses = accesses
        self._told: set[str] = set()
        self._made: dict[bytes, Driver] = {}
        self._lock = threading.Lock()

    def find(self, name: bytes) -> Driver | None:
        """The driver for the repository *name*; ``None`` when it is not configured, or the host's own is to be used.

        What has to be read to tell is announced: see parrot_py/drivers/base.py.  A configuration that cannot be
        understood is EIO, with one line in the log.  Thread-safe; each name has one driver.
        """
        outline = self._table.outline(name)
        if outline is None or (outline.local and os.path.exists(_host_directory(name, outline.subpath))):
            return None
        if not outline.served:
            return None
        if name in self._made:
            return self._made[name]
        if not self._table.known(name):
            may_block()
        try:
            found = self._table.find(name)
        except ConfigError as error:
            if str(error) not in self._told:
                self._told.add(str(error))
                cvmfs.error("%s", error, extra=error.code.extra)
            raise Told(errno.EIO, os.strerror(errno.EIO), name) from None
        if found is None or not found.urls:
            return None
        with self._lock:
            if name not in self._made:
                log.info("%s: mounted from %s", found.fqrn, ";".join(found.urls))
                self._made[name] = self._accesses.driver(name, found)
            return self._made[name]

    def names(self) -> Sequence[bytes]:
        """The configured names, for the listing of /cvmfs."""
        return [os.fsencode(name) for name in self._table.names()]

    def redirects(self) -> list[tuple[bytes, bytes]]:
        """The names that stand for a directory inside the host's own repository, and that directory."""
        found = [(name, self._table.outline(name)) for name in self.names()]
        local = [(name, outline) for name, outline in found if outline and outline.local and outline.subpath]
        pairs = [(ROOT + b"/" + name, _host_directory(name, o.subpath), o.served) for name, o in local]
        return [(prefix, directory) for prefix, directory, served in pairs if not served or os.path.exists(directory)]


def _host_directory(name: bytes, subpath: bytes) -> bytes:
    """Where the host has what appears as ``/cvmfs/<name>``, if it has it."""
    return ROOT + b"/" + name + subpath


def run(config: RunConfig, given: Given | None = None, own: Unpacked | None = None) -> int:
    """Run the job of *config*; its exit status.  Does not return when the job died by a signal: so does this process.

    *given* is what the job gets of the caller's, *own* what is to be removed with the session.

    Raises EngineError when this machine forbids tracing; nothing was started then.
    """
    if inside(os.environ):
        join(config, given)
    trouble = proc_trouble()
    if trouble:
        raise EngineError(
            f"{trouble}: what the job does is looked up there; mount it (mount -t proc proc /proc)", codes.NO_PROC
        )
    gc.set_threshold(*GC_THRESHOLD)
    gc.freeze()
    gc.enable()
    threading.stack_size(STACK)
    if limits(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        share_heap()
    accesses = Accesses(config)
    place = _place(config)
    derived = str(place / sessiondir.DERIVED)
    session = sessiondir.create(place)
    repositories = Repositories(config, accesses)
    mounts = [*(Mount(*pair) for pair in repositories.redirects()), *guise.mounts(config, session)]
    namespace = Namespace(
        repositories.find,
        repositories.names,
        mounts,
        dynamic=config.dynamic_mounts,
        services=Services(config, session).places(),
        dress=_dress(config, derived),
    )
    line = None
    try:
        masks = guise.of(config.pretences, mounted=bool(config.mounts) or config.dynamic_mounts)
        engine = _engine(config, masks, namespace, os.fsencode(session))
        fdtable = FdTable(session)
        credentials = Credentialer().of
        walker = Walker(namespace, fdtable, credentials, follows=config.pretences.follow_links)
        door = Door(os.path.join(session, SOCKET), engine.wake)
        loader = None if config.pretences.loader is None else os.fsencode(config.pretences.loader)
        names = _names(config, engine, walker)
        dispatcher = Dispatcher(
            Context(engine, namespace, fdtable, walker, credentials, derived, door, masks, loader),
            shortcuts=config.pretences.shortcuts,
            names=names,
        )
        dispatcher.account.job = config.command
        line = watching.line(config, dispatcher.account, dispatcher.parking)
        _spawn(config, engine, given, namespace)
        watching.listen(door)
        accesses.start(repositories.find)
        dispatcher.run()
        if names is not None:
            names.write()
        figures = reports.figures(config, dispatcher.account)
        if not dispatcher.busy:
            namespace.close()
            config.repositories.close()
    finally:
        if line is not None:
            line.close()
        accesses.close()
        sessiondir.remove(session)
        if own is not None:
            own.remove()
    if engine.counters()["foreign"]:
        log.warning("an x32 program was started: such programs see no /cvmfs", extra=codes.OTHER_ABI.extra)
    reports.write(config, engine, masks.rows, figures)
    status = _end(config, engine)
    if dispatcher.busy or fetching_ahead():
        # The last process went away in the middle of a download, or more is fetched than it needed.  Python would wait.
        flush()
        os._exit(status)
    return status


def _dress(config: RunConfig, derived: str) -> Callable[[Driver], Driver]:
    """What each driver is seen through."""
    if not config.pretences.decompress:
        return lambda driver: driver
    from parrot_py.drivers.decompressed import over

    return lambda driver: over(driver, derived)


def _spawn(config: RunConfig, engine: Engine, given: Given | None, namespace: Namespace) -> None:
    """Start the job.  Raises ConfigError, EngineError: nothing was started."""
    if config.env_list is not None:
        here = config.work_dir or namespace.mounts.name_of(os.getcwdb()) or os.getcwdb()
        reports.write_environment(config.env_list, config.environ, os.fsencode(here))
    directory = None if config.work_dir is None else os.fsencode(config.work_dir)
    try:
        engine.spawn([os.fsencode(a) for a in config.command], config.environ, given, directory)
    except EngineError:
        if config.status_file is not None:
            reports.write_ending(config.status_file, reports.Ending(reports.NOATTACH))
        raise


def _names(config: RunConfig, engine: Engine, walker: Walker) -> Names | None:
    """The list of ``-n``, if there is to be one.  Raises ConfigError."""
    if config.name_list is None:
        return None
    from parrot_py.names import record

    return record(config.name_list, engine, walker)


def _place(config: RunConfig) -> Path:
    """Where the session directory and derived programs go."""
    place = directories.for_programs(config)
    if place is None:
        log.warning(
            "%s is mounted noexec: programs of a repository cannot be started; choose -t DIR",
            config.tempdir,
            extra=codes.NOEXEC.extra,
        )
        return config.tempdir
    if place != config.tempdir:
        log.warning(
            "%s is mounted noexec: what the job opens is copied to %s; choose -t DIR",
            config.tempdir,
            place,
            extra=codes.NOEXEC.extra,
        )
    return place


def _engine(config: RunConfig, masks: Guise, namespace: Namespace, session: bytes) -> Engine:
    engine = Engine([row.spec() for row in masks.rows], use_seccomp=config.use_seccomp)
    guise.prepare(engine, config.pretences)
    if config.use_seccomp and not engine.use_seccomp:
        log.warning("no seccomp filters here: every system call of the job stops twice", extra=codes.NO_FILTER.extra)
    engine.set_session(session)
    announce(engine, namespace)
    return engine


def _end(config: RunConfig, engine: Engine) -> int:
    """Tell how the job ended, in the way that was asked for; the exit status, unless this process ends by a signal."""
    step, failed = engine.start_failure()
    if step == FILTER:
        raise EngineError(f"the seccomp filter was refused ({os.strerror(failed)}): try --no-seccomp", codes.NO_FILTER)
    if step == DIRECTORY:
        if config.status_file is not None:
            reports.write_ending(config.status_file, reports.Ending(reports.NOEXEC))
        raise ConfigError(f"-w: cannot enter {str(config.work_dir)!r}: {os.strerror(failed)}", codes.WORK_DIR)
    ending, status = _ending(engine, failed)
    if config.status_file is not None:
        reports.write_ending(config.status_file, ending)
    if failed:
        loader = config.pretences.loader
        about = f" (programs get the loader {str(loader)!r})" if loader else ""
        where = "its limits cannot be set again: " if step == LIMITS else ""
        complain(f"cannot run {config.command[0]!r}: {where}{os.strerror(failed)}{about}", codes.NOT_STARTED)
    if config.old_status and ending.word != reports.NORMAL:
        return 1
    if ending.word == reports.ABNORMAL:
        _die_by(ending.number)
    return status


def _ending(engine: Engine, failed: int) -> tuple[reports.Ending, int]:
    """How the job ended, and the exit status for that; *failed* is why its program could not be started."""
    if failed:
        return reports.Ending(reports.NOEXEC), NOT_FOUND if failed == errno.ENOENT else NOT_EXECUTABLE
    status = engine.root_status
    if os.WIFSIGNALED(status):
        return reports.Ending(reports.ABNORMAL, os.WTERMSIG(status)), 128 + os.WTERMSIG(status)
    return reports.Ending(reports.NORMAL, os.WEXITSTATUS(status)), os.WEXITSTATUS(status)


def _die_by(number: int) -> None:
    """End by the signal that ended the job, without a core of our own."""
    with suppress(OSError, ValueError):  # forbidden by a filter around us: then there may be one
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    flush()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
