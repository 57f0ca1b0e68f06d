"""The program that decides about access to a protected repository, and how to talk to it.

Messages go both ways over the program's standard input and output: two numbers of 32 bits in the byte order of the
machine (version of the protocol, length), then JSON ``{"cvmfs_authz_v1": {"msgid": …, "revision": 0, …}}``.  We begin
with a handshake, the program is ready, each question of ours gets one permit.  Every wait is bounded.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import select
import struct
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from parrot_py.drivers.cvmfs.net.tls import Credentials
from parrot_py.drivers.cvmfs.trust.authz import DEFAULT_TTL, MEMBER, UNKNOWN, Asker, HelperError, Permit

HANDSHAKE, READY, VERIFY, PERMIT, QUIT = range(5)
LONGEST_MESSAGE = 1 << 20
_VERSION, _HEAD, _ENVELOPE = 1, struct.Struct("=II"), "cvmfs_authz_v1"
_LONGEST_TTL = 365 * 86400.0
_PATH = "/usr/local/bin:/usr/bin:/bin"
_FAREWELL = 0.5


def encode(msgid: int, **fields: object) -> bytes:
    """A message with its frame."""
    body = json.dumps({_ENVELOPE: {"msgid": msgid, "revision": 0, **fields}}).encode()
    return _HEAD.pack(_VERSION, len(body)) + body


def decode_head(head: bytes) -> int:
    """The length of the message that follows *head*; raises HelperError."""
    version, length = _HEAD.unpack(head)
    if version != _VERSION:
        raise HelperError(f"speaks version {version} of the protocol")
    if length > LONGEST_MESSAGE:
        raise HelperError(f"sends a message of {length} bytes")
    return int(length)


def decode(body: bytes, msgid: int) -> dict[str, Any]:
    """The fields of a message, which has to be of the kind *msgid*; raises HelperError."""
    try:
        fields = json.loads(body)[_ENVELOPE]
        if fields["msgid"] != msgid:
            raise HelperError(f"sends message {str(fields['msgid'])[:20]} instead of {msgid}")
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise HelperError("sends something that is no message") from None
    return dict(fields)


def read_permit(fields: Mapping[str, Any]) -> Permit:
    """A permit from the fields of its message; raises HelperError."""
    status, ttl = fields.get("status"), fields.get("ttl", DEFAULT_TTL)
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (status, ttl))
    if not numbers or not 0 <= ttl < float("inf"):
        raise HelperError("sends a permit without a status")
    known = int(status) if status in range(UNKNOWN) else UNKNOWN  # type: ignore[arg-type]  # a number: checked above
    return Permit(known, min(float(ttl), _LONGEST_TTL), _credentials(fields) if known == MEMBER else None)


def _credentials(fields: Mapping[str, Any]) -> Credentials | None:
    token, proxy = fields.get("bearer_token"), fields.get("x509_proxy")
    if token is not None and not (isinstance(token, str) and token.isascii() and token.isprintable()):
        raise HelperError("sends a token that is none")
    try:
        x509 = None if proxy is None else base64.b64decode("".join(proxy.split()), validate=True)
    except (AttributeError, ValueError, binascii.Error):
        raise HelperError("sends an X.509 proxy that is not base64") from None
    return Credentials(token or None, x509 or None) if token or x509 else None


class Helper:
    """A running helper.  Not thread-safe but for :meth:`end`.  Whatever raises HelperError leaves it dead."""

    def __init__(self, program: Path, fqrn: str, environ: Mapping[str, str], patience: float) -> None:
        self._patience = patience
        try:
            # Not in our session: what the terminal sends is not for it.
            self._process = subprocess.Popen(
                [program],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": _PATH, **environ, "CVMFS_AUTHZ_HELPER": "yes"},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise HelperError(f"cannot be started: {getattr(error, 'strerror', None) or error}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        for fd in (self._to, self._from):
            os.set_blocking(fd, False)
        self._fqrn = fqrn

    def greet(self) -> None:
        """Make the acquaintance of the helper, before anything is asked."""
        self._exchange(encode(HANDSHAKE, fqrn=self._fqrn, syslog_facility=0, syslog_level=0), READY)

    def verify(self, asker: Asker, membership: bytes) -> Permit:
        """Ask whether *asker* has the *membership*."""
        asked = encode(VERIFY, **asker._asdict(), membership=base64.b64encode(membership).decode())
        try:
            return read_permit(self._exchange(asked, PERMIT))
        except HelperError:
            self.kill()
            raise

    def _exchange(self, message: bytes, answer: int) -> dict[str, Any]:
        """Send *message* and read one of the kind *answer*."""
        until = time.monotonic() + self._patience
        try:
            self._send(message, until)
            return decode(self._read(decode_head(self._read(_HEAD.size, until)), until), answer)
        except HelperError:
            self.kill()
            raise
        except OSError as error:
            self.kill()
            raise HelperError(f"does not take the question: {error.strerror}") from None

    def _send(self, data: bytes, until: float) -> None:
        while data:
            self._wait(self._to, select.POLLOUT, until)
            data = data[os.write(self._to, data) :]

    def _read(self, length: int, until: float) -> bytes:
        parts = []
        while length:
            self._wait(self._from, select.POLLIN, until)
            parts.append(os.read(self._from, min(length, 1 << 16)))
            length -= len(parts[-1])
            if not parts[-1]:
                raise HelperError("ended without an answer")
        return b"".join(parts)

    def _wait(self, fd: int, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(fd, event)
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise HelperError(f"gives no answer within {self._patience:g} s")

    def close(self) -> None:
        """Let it go, without waiting long."""
        with suppress(OSError, HelperError):
            self._send(encode(QUIT), time.monotonic() + _FAREWELL)
            self._close_pipes()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_FAREWELL)
        self.kill()

    def end(self) -> None:
        """Let a question that another thread is asking fail at once."""
        self._process.kill()

    def kill(self) -> None:
        """End it now.  Idempotent."""
        self._process.kill()
        self._close_pipes()
        self._process.wait()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
