"""From a stop to its answer: resolve the paths, call the handler, carry out what it says; park what has to wait.

This is the single place where exceptions become register values.  A handler that would wait raises Park; the thread
stays in its stop while a worker does the waiting, and the handler is repeated with the worker's outcome.  Any other
exception is a defect of ours: the job sees EIO and the log a traceback, and no thread stays stopped for ever.
"""

from __future__ import annotations

import errno
import logging
import os
from typing import TYPE_CHECKING

import parrot_py.syscalls.families  # noqa: F401 - registers the handlers
from parrot_py import codes
from parrot_py.drivers.base import nonblocking
from parrot_py.engine.core import DONE, KNOCK, LEFT, REPORT, Engine, Stop
from parrot_py.engine.kinds import Kind
from parrot_py.errors import Told
from parrot_py.fdtable import HostNode
from parrot_py.figures import Account
from parrot_py.namespace import ROOT, Namespace, Park
from parrot_py.parking import Parking
from parrot_py.places import Target
from parrot_py.syscalls import borders, bypath
from parrot_py.syscalls.arguments import follows_link, resolve_place
from parrot_py.syscalls.call import PASS, Action, Answer, Call, Context, Redirect, handlers
from parrot_py.syscalls.directory import named_directory
from parrot_py.syscalls.early import check_early
from parrot_py.syscalls.native import ADDRESSES, by_path
from parrot_py.syscalls.table import Row
from parrot_py.warm import Warmer

if TYPE_CHECKING:
    from parrot_py.control.channel import Request
    from parrot_py.control.commands import Commands
    from parrot_py.names import Names
    from parrot_py.sweep import Sweeper

LINKED_UNSEEN = 1 << 20
"""Bytes that the session's links may keep on the disk before anybody asks how much is too much."""

log = logging.getLogger("parrot_py.syscall")
trouble = logging.getLogger("parrot_py.error")
stats = logging.getLogger("parrot_py.stats")


def announce(engine: Engine, namespace: Namespace) -> None:
    """Tell the core which names are to be judged in Python, as the table of mounts is now."""
    prefixes = namespace.prefixes()
    engine.set_prefixes(prefixes, namespace.mounts.backs(), namespace.mounts.for_core())
    engine.set_host(
        merge_root=not os.path.lexists(ROOT),
        prefixes_exist=any(os.path.lexists(prefix or b"/") for prefix in prefixes),
    )


class Dispatcher:
    """Answers the stops and the requests of one job until no process of it is left."""

    def __init__(self, context: Context, *, shortcuts: bool = True, names: Names | None = None) -> None:
        self.context = context
        self._shortcuts = shortcuts
        self._names = names
        self._commands: Commands | None = None
        self._warmer = Warmer(context.engine, context.namespace, context.fdtable, context.walker)
        self.parking = Parking(context.engine)
        self.account = Account(context.engine, context.namespace, self.parking, context.guise.rows)
        self._sweeper: Sweeper | None = None

    def run(self) -> None:
        """Serve stops until the job is over."""
        self.context.namespace.on_news = self.context.engine.wake
        try:
            with nonblocking():
                self._serve_all()
        finally:
            if self._sweeper is not None:
                self._sweeper.stop()
        self.parking.close()

    def _serve_all(self) -> None:
        engine, fdtable = self.context.engine, self.context.fdtable
        while True:
            event = engine.next()
            if isinstance(event, Stop):
                self.serve(event)
            elif event == DONE:
                break
            else:
                self._notice(engine.take_news())
                self._settle()
                self._collect()
                self._hear()
            if fdtable.linked > LINKED_UNSEEN or fdtable.crowded:
                self._sweep()

    @property
    def busy(self) -> bool:
        """Whether workers still wait for something that nobody wants any more."""
        return self.parking.busy

    def serve(self, stop: Stop) -> None:
        """Answer *stop*, or park it."""
        engine = self.context.engine
        try:
            answer = self._answer(stop)
        except Park as park:
            self._park(stop, park)
            return
        except OSError as error:
            if error.errno == errno.ESTALE and self._settle():
                # Somebody changed the tree between the look and the open: as the kernel does, look once more.
                self.serve(stop)
                return
            answer = -_number(self._row(stop).name, error)
        except Exception:  # noqa: BLE001 - whatever went wrong, the thread must not stay stopped
            trouble.exception(
                "defect in the handler of %s: the job sees EIO", self._row(stop).name, extra=codes.DEFECT.extra
            )
            answer = -errno.EIO
        if log.isEnabledFor(logging.DEBUG):
            _log(stop, self._row(stop), answer)
        if not isinstance(answer, Action):
            engine.answer(stop, answer)
            return
        try:
            answer.apply(engine, stop)
        except OSError as error:  # no memory for us in the job's address space
            engine.answer(stop, -_number(self._row(stop).name, error))

    def _row(self, stop: Stop) -> Row:
        return self.context.guise.rows[stop.index]

    def _answer(self, stop: Stop) -> Answer:
        guise = self.context.guise
        row = guise.rows[stop.index]
        self.context.namespace.memo = stop.memo
        call = Call(self.context, stop, row.name)
        if self._names is not None:
            self._names.note(call, row)
        if row.kind is Kind.ASKED:
            return guise.asked[row.name](call)
        if not row.always:
            return PASS if stop.native else self._usual(call, row)
        return guise.adapters[row.name](call, PASS if stop.native else self._usual(call, row))

    def _usual(self, call: Call, row: Row) -> Answer:
        stop = call.stop
        if row.warm and row.kind is Kind.PATH:
            return self._warm_call(call, row)
        if row.kind is Kind.PATH or row.kind in ADDRESSES:
            return bypath.path_call(call, row)
        if row.kind is Kind.EXEC:
            check_early(call)
            place = resolve_place(call, row, 0)
            borders.check(call, row, [place])
            return handlers[row.name](call, place)
        if row.kind is Kind.REFUSE:
            return -errno.ENOSYS
        if row.kind is Kind.NOTHING:
            return 0
        node = self.context.fdtable.find(stop.base[0])
        if node is None and row.kind is Kind.CWD:
            return named_directory(call)
        if node is None and stop.base[0] != b"/":
            return PASS  # something in the session directory that stands for no name of ours
        if isinstance(node, HostNode):
            return by_path(call, node)
        return handlers[row.name](call, node)

    def _warm_call(self, call: Call, row: Row) -> Answer:
        """A call with one path that the core can answer itself the next time."""
        early = check_early(call)
        if early is not None:
            return early
        follow = follows_link(call, row, 0)
        try:
            place = resolve_place(call, row, 0, follow=follow)
        except OSError as error:
            self._warmer.missing(call.stop, error, follow)
            raise
        if isinstance(place, Target):
            self._warmer.found(call.stop, place, follow)
        told = bypath.answer(call, row, [place])
        if isinstance(place, Target) and isinstance(told, Redirect) and not call.path_only:
            self._warmer.opened(call.stop, place, follow, told.path)
        return told

    # -- waiting

    def _park(self, stop: Stop, park: Park) -> None:
        self.context.engine.park(stop)
        self.parking.wait(stop, park)

    def _notice(self, news: int) -> None:
        """Do what the core tells to."""
        if news & LEFT:
            self.parking.forget_gone()
        try:
            if news & REPORT:
                self._report()
            if news & KNOCK and self.context.door is not None:
                self.context.door.open()
        except OSError as error:
            trouble.warning("nobody can be told what this run does: %s", error.strerror, extra=codes.SILENT.extra)
        except Exception:  # noqa: BLE001 - a defect of ours must not end the job
            trouble.exception("defect in telling what this run does", extra=codes.DEFECT.extra)

    def _report(self) -> None:
        """Write into the log what is going on."""
        from parrot_py.telling import lines

        for line in lines(self.account.figures(), self.account.waiting()):
            stats.warning("%s", line)

    def _settle(self) -> bool:
        """Show the newest states of all trees; whether one is new."""
        changed = self.context.namespace.settle()
        if changed:
            self._forget()
        return changed

    def _forget(self) -> None:
        """A tree shows another state: what was found out about names is history, what is open stays."""
        self.context.fdtable.generation = self.context.namespace.generation
        self.context.walker.forget()
        self.context.engine.warm_clear()

    def _sweep(self) -> None:
        """If the session has too many objects, or they keep too much content: have those removed that nobody uses."""
        if self._sweeper is None:
            try:
                from parrot_py.sweep import Sweeper
            except OSError as error:  # no descriptor is left; there may be one the next time
                log.debug("the session is not swept: %s", error.strerror)
                return
            self._sweeper = Sweeper(self.context.fdtable.directory, self.context.namespace.capacity)
        if self._sweeper.due(self.context.fdtable.linked, crowded=self.context.fdtable.crowded):
            # Nobody may be given their paths from now on, not even a call that waits and has come by one before.
            self.context.namespace.renew()
            self._forget()
            self._sweeper.start(self.context.fdtable.end_round())

    def _collect(self) -> None:
        for waiter in self.parking.over():
            if isinstance(waiter, Stop):
                self.serve(waiter)
            else:
                self._obey(waiter)

    # -- requests of companion commands

    def _hear(self) -> None:
        for request in self.context.door.requests() if self.context.door is not None else ():
            self._obey(request)

    def _obey(self, request: Request) -> None:
        """Work *request* off, or let it wait."""
        try:
            if self._commands is None:
                from parrot_py.control.commands import Commands

                self._commands = Commands(self.context.walker, self._remounted, self.account, shortcuts=self._shortcuts)
            self._commands.serve(request)
        except Park as park:
            self.parking.wait(request, park)
        except Exception:  # noqa: BLE001 - a defect of ours must not end the job
            trouble.exception("defect in the command %s", request.fields.get("command"), extra=codes.DEFECT.extra)
            request.answer({"ok": False, "errno": "EIO", "error": "a defect of parrot_run, see its log"})

    def _remounted(self) -> None:
        """The table of mounts is another one."""
        self.context.walker.resolvers.forget()
        announce(self.context.engine, self.context.namespace)
        self._forget()


def _number(name: str, error: OSError) -> int:
    """The errno that the job sees; an EIO never without a line in the log that says why."""
    number = error.errno or errno.EIO
    if number == errno.EIO and not isinstance(error, Told):
        code = codes.CACHE_TROUBLE if error.errno else codes.DEFECT  # of the session directory, which is beside it
        trouble.error("%s: the job sees EIO: %s", name, error, exc_info=not error.errno, extra=code.extra)
    return number


def _log(stop: Stop, row: Row, answer: Answer) -> None:
    try:
        from parrot_py.syscalls.log import describe
    except OSError:
        return  # no descriptor is left to load it

    log.debug("%s", describe(stop, row, answer), extra={"child": stop.tid})
