"""Protected repositories: who may see them, and what proves it to their servers.

The root catalog names what is required (property ``voms_authz``): ``schema%membership``.  A helper program of the site
for the schema decides; it is started when it is needed, and once.  Everything that a run shows is shown to processes
of one user, so the question is asked for parrot_run itself: its process id, in whose environment helpers look for
credentials, its user and its group.  The answer holds for the seconds that the helper states.
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parrot_py import codes
from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.net.tls import Credentials
from parrot_py.drivers.cvmfs.trouble import Failure, acquire, log

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.trust.authz_helper import Helper

MEMBER, NOT_FOUND, INVALID, NOT_MEMBER, NO_HELPER, UNKNOWN = range(6)
"""The answers of helpers."""
DEFAULT_TTL = 120.0
"""Seconds that an answer holds when it does not say."""
PATIENCE = 10.0
"""Seconds that a helper may take to start and for each answer."""
RESTART_AFTER = 60.0
"""Seconds before a helper that failed is started again."""
_LONGEST = 1 << 15
_SCHEMA = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_REASONS = {
    NOT_FOUND: "no credentials were found: make a proxy certificate or a token, and say where it is",
    INVALID: "the credentials are not valid (any more)",
    NOT_MEMBER: "not a member",
    NO_HELPER: "there is no helper program for it",
}


class HelperError(Exception):
    """The helper cannot be started, died, did not answer in time, or answered nonsense; ``str()`` says which."""


class Asker(NamedTuple):
    """Who wants access."""

    pid: int
    uid: int
    gid: int


class Permit(NamedTuple):
    """The answer: MEMBER or why not, for how many seconds it holds, and what to show to https servers."""

    status: int
    ttl: float
    credentials: Credentials | None


def ourselves() -> Asker:
    """Who asks for a whole run: the process that we are, for its user and group."""
    return Asker(os.getpid(), os.getuid(), os.getgid())


class _Verdict(NamedTuple):
    """What holds until ``until`` (monotonic seconds)."""

    until: float
    failure: Failure | None
    credentials: Credentials | None


class Gate:
    """The access control of one repository.  Thread-safe.  Open until :meth:`require` was called with something."""

    def __init__(self, config: RepositoryConfig, asker: Callable[[], Asker] = ourselves) -> None:
        self._config, self._asker = config, asker
        self._required: bytes | None = None
        self._helper: Helper | None = None
        self._rest_until = 0.0
        self._verdict: _Verdict | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def required(self) -> bytes | None:
        """The requirement (``schema%membership``), None when everybody may see the repository."""
        return self._required

    def require(self, requirement: bytes | None) -> None:
        """From now on *requirement* has to be met; never waits for a helper."""
        required = requirement.strip() or None if requirement else None
        if required != self._required:
            self._required, self._verdict = required, None

    def check(self) -> None:
        """Raise Failure unless the repository may be seen: EACCES for who may not, EIO when nobody can tell.

        Waits for the helper when the last answer is too old.
        """
        if self._required is None:
            return
        failure = self._current().failure
        if failure is not None and self._asker().uid != 0:
            raise failure.again()

    def credentials(self) -> Credentials | None:
        """What to show to https servers; see :meth:`check`."""
        if self._required is None:
            return None
        self.check()
        return self._current().credentials

    def _current(self) -> _Verdict:
        verdict = self._verdict
        if verdict is not None and time.monotonic() < verdict.until:
            return verdict
        may_block()
        acquire(self._lock)
        try:
            verdict = self._verdict
            if verdict is None or time.monotonic() >= verdict.until:
                verdict = self._verdict = self._ask(self._asker())
            return verdict
        finally:
            self._lock.release()

    def _ask(self, asker: Asker) -> _Verdict:
        """The helper's answer, or why there is none; one line in the log for each refusal."""
        try:
            permit = self._permit(asker)
            failure = None if permit.status == MEMBER else self._refusal(permit)
            until, credentials = time.monotonic() + max(1.0, permit.ttl), permit.credentials
        except Failure as trouble:
            failure, until, credentials = trouble, time.monotonic() + RESTART_AFTER, None
        if failure is not None and asker.uid != 0:
            failure.report(self._config.fqrn)
        return _Verdict(until, failure, credentials)

    def _refusal(self, permit: Permit) -> Failure:
        reason = _REASONS.get(permit.status, "the helper program does not know")
        return Failure(f"access needs {ascii(self._required)[2:-1]}: {reason}", errno.EACCES)

    def _permit(self, asker: Asker) -> Permit:
        schema, _, membership = (self._required or b"").partition(b"%")
        if not membership:
            log.warning(
                "%s: %s is no requirement for access",
                self._config.fqrn,
                ascii(self._required)[1:],
                extra=codes.PROTECTED.extra,
            )
        if not _SCHEMA.fullmatch(schema) or len(membership) > _LONGEST:
            raise Failure(f"access needs something that is no requirement: {ascii(self._required)[2:60]}", errno.EACCES)
        program = self._config.authz_helper
        if program is None:
            program = self._config.authz_search_path / f"cvmfs_{schema.decode()}_helper"
        if not os.access(program, os.X_OK):
            where = "install it, or name another one by CVMFS_AUTHZ_HELPER or CVMFS_AUTHZ_SEARCH_PATH"
            raise Failure(f"protected by {schema.decode()}: no helper program {program} ({where})", errno.EACCES)
        while True:
            try:
                return self._running(program).verify(asker, membership)
            except HelperError as error:
                self._helper = None
                # One that ran for long and died now may be started at once.
                if self._closed or time.monotonic() < self._rest_until:
                    raise Failure(f"helper program {program} {error}") from None

    def _running(self, program: Path) -> Helper:
        if self._closed:
            raise HelperError("is not asked any more")
        if self._helper is None:
            from parrot_py.drivers.cvmfs.trust.authz_helper import Helper

            if time.monotonic() < self._rest_until:
                raise HelperError("failed a moment ago")
            self._rest_until = time.monotonic() + RESTART_AFTER
            self._helper = Helper(program, self._config.fqrn, self._config.authz_environ, PATIENCE)
            self._helper.greet()
        return self._helper

    def close(self) -> None:
        """Let the helper go; who waits for it is refused."""
        self._closed = True
        helper = self._helper
        if helper is not None and self._lock.locked():
            helper.end()
        with self._lock:
            if self._helper is not None:
                self._helper.close()
                self._helper = None
