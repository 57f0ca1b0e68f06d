"""What a request does, on the tracer's thread: one function per command, which answers or raises.

OSError becomes the answer's errno, ConfigError is EINVAL; Park lets the request be made again with what a worker found.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Mapping
from typing import Any, Callable

from parrot_py import codes
from parrot_py.config import mountlist
from parrot_py.config.model import LCACHE, LOCAL, RESOLVER, Mount
from parrot_py.control.channel import Request, refusal
from parrot_py.control.fields import text
from parrot_py.control.queries import queries
from parrot_py.errors import ConfigError
from parrot_py.figures import Account
from parrot_py.mounts import MountTable, is_pattern
from parrot_py.places import Native, fail
from parrot_py.steps import RESOLVE_PARENT
from parrot_py.walk import Walker

log = logging.getLogger("parrot_py.process")

Answer = Mapping[str, Any]


class Commands:
    """Works requests off.  *changed* is called when the table of mounts is another one, *account* tells of the run."""

    def __init__(
        self, walker: Walker, changed: Callable[[], None], account: Account, *, shortcuts: bool = True
    ) -> None:
        self._walker = walker
        self._changed = changed
        self._disabled = False
        self._known: dict[str, Callable[[Request], Answer]] = {
            "mount": self._mount,
            "unmount": self._unmount,
            "disable": self._disable,
            "status": lambda _: {"job": account.job, "figures": account.figures(), "waiting": account.waiting()},
            **queries(walker, shortcuts=shortcuts),
        }

    def serve(self, request: Request) -> None:
        """Answer *request*; raises Park when it has to wait."""
        name = request.fields.get("command")
        self._walker.namespace.memo = request.memo
        try:
            command = self._known.get(str(name))
            if command is None:
                request.answer(refusal("EOPNOTSUPP", f"this run knows no command {name!r}"))
                return
            told = command(request)
        except OSError as error:
            number = error.errno or errno.EIO
            request.answer(refusal(errno.errorcode.get(number, "EIO"), error.strerror or os.strerror(number)))
            return
        except ConfigError as error:
            request.answer(refusal("EINVAL", str(error)))
            return
        log.info("process %d: %s", request.pid, request.fields)
        request.answer({"ok": True, **told})

    def _table(self) -> MountTable:
        if self._disabled:
            raise OSError(errno.EPERM, "mounting was disabled")
        return self._walker.namespace.mounts

    def _change(self, table: MountTable) -> None:
        self._walker.namespace.remount(table)
        self._changed()

    def _disable(self, request: Request) -> Answer:  # noqa: ARG002 - the signature of all commands
        """From now on nobody can mount or unmount anything."""
        self._disabled = True
        return {}

    def _mount(self, request: Request) -> Answer:
        """Let ``path`` stand for ``destination`` with the permissions ``allowed``.

        Both are names as the job has them now: what is refused or forbidden there stays so under the new name.
        ENOENT, EACCES, EINVAL; EPERM when mounting was disabled.
        """
        table = self._table()
        path, destination = text(request, "path"), text(request, "destination")
        allowed = mountlist.permission(text(request, "allowed"), "allowed")
        if not destination.startswith("/") and ":" not in destination and destination not in mountlist.WORDS:
            raise ConfigError(f"not an absolute name: {destination!r}", codes.BAD_MOUNT)
        mount = mountlist.entry(path, destination, "parrot_mount", allowed)
        if mount.word in (RESOLVER, LCACHE):
            # Their places would be looked up without the job's own mounts.
            raise OSError(errno.EPERM, f"{mount.word}: only parrot_run itself can do that")
        prefix = mount.prefix if is_pattern(mount.prefix) else self._name(request, mount.prefix)
        if not mount.word:
            mount = self._resolved(request, table, mount)
        elif mount.word == LOCAL and table.governing(prefix)[0] >= 0:
            raise OSError(errno.EACCES, "something is mounted there already, whose permissions count")
        self._change(table.with_mount(mount._replace(prefix=prefix)))
        return {}

    def _resolved(self, request: Request, table: MountTable, mount: Mount) -> Mount:
        """*mount* with the place that its destination is for the job, and no more permissions than are there."""
        end = self._walker.resolve(request.pid, b"", mount.destination, True)
        if isinstance(end, Native):
            os.stat(end.path)
            place = end.path.rstrip(b"/")
        else:
            end.found()
            place = end.path
        if table.restricts_below(end.name or end.path):
            raise OSError(errno.EACCES, "something below the destination is not permitted")
        return mount._replace(destination=place, allowed=mount.allowed & table.allowed(end.mount))

    def _name(self, request: Request, path: bytes) -> bytes:
        """The canonical name of *path*, which need not exist."""
        if path == b"/":
            return b""
        end = self._walker.resolve(request.pid, b"", path, False, RESOLVE_PARENT)
        return (end.name or end.path).rstrip(b"/")

    def _unmount(self, request: Request) -> Answer:
        """Take the last mount at ``path`` away.  EINVAL: there is none; EPERM: it is there to stay."""
        table = self._table()
        path = mountlist.entry(text(request, "path"), "/", "parrot_mount").prefix
        names = [path.rstrip(b"/")]
        try:
            names.append(self._name(request, path))
        except OSError as error:
            log.debug("unmount %r: %s", path, error)  # refused, or no directory: its own name may do
        for name in names:
            index = table.last_at(name)
            if index is None:
                continue
            if index < table.sealed:
                raise OSError(errno.EPERM, "it was mounted by parrot_run (see --dynamic-mounts)")
            self._change(table.without(index))
            return {}
        return fail(errno.EINVAL)
