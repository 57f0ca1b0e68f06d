"""The log: the standard library's loggers, Parrot's line format, one file that never disturbs the job.

Whoever has something to say uses ``logging.getLogger("parrot_py.<flag>")`` with one of the flags of ``-d``
(``cvmfs``, ``syscall``, ``process``, ``resolve``, ``cache`` …).  ``debug`` and ``info`` lines appear if the flag was
asked for; ``warning``, ``error`` and ``critical`` ones always, under the original's names ``notice``, ``error`` and
``fatal``; each of these ends in its code (codes.py), ``extra=CODE.extra``.  A line about one process of the job says so
with ``extra={"child": pid}``.

    2026/08/01 12:30:59.07 parrot_run[4711] <child:4712> cvmfs: text
"""

from __future__ import annotations

import logging
import os
import time
import traceback

from parrot_py import codes
from parrot_py.codes import tagged
from parrot_py.config.model import RunConfig
from parrot_py.errors import ConfigError

ROOT = "parrot_py"

FILE_NAME = "parrot.log"
"""Name of the log, in the tempdir, of a run that did not ask for another."""

FILE_LIMIT = 10 << 20
"""Size in bytes at which that file is renamed to ``parrot.log.old``."""

_ALWAYS = ((logging.CRITICAL, "fatal"), (logging.ERROR, "error"), (logging.WARNING, "notice"))
_STANDARD = {":stdout": 1, ":stderr": 2}


def start(config: RunConfig) -> None:
    """Send the log where *config* says, with the flags that it names; then log its warnings and remarks.

    May be called again: the newest configuration counts.  Raises ConfigError when a file that was asked for cannot
    be opened; the default file is opened when the first line is written, and its absence is no error.
    """
    root = logging.getLogger(ROOT)
    stop()
    if config.debug_file is None:
        sink = Sink(str(config.tempdir / FILE_NAME), FILE_LIMIT)
    else:
        sink = Sink(config.debug_file, config.debug_rotate)
        sink.open()
    root.addHandler(sink)
    root.propagate = False
    root.setLevel(logging.DEBUG if "all" in config.debug_flags else logging.WARNING)
    for flag in config.debug_flags:
        logging.getLogger(f"{ROOT}.{flag}").setLevel(logging.DEBUG)
    log = logging.getLogger(f"{ROOT}.debug")
    for line in config.warnings:
        log.warning("%s", line, extra=codes.LEFT_OUT.extra)
    for line in config.remarks:
        log.debug("%s", line)


def stop() -> None:
    """Close the log and forget all choices; lines written from now on are lost.  Idempotent."""
    root = logging.getLogger(ROOT)
    for handler in root.handlers[:]:
        if isinstance(handler, Sink):
            root.removeHandler(handler)
            handler.close()
    for name, logger in logging.Logger.manager.loggerDict.items():
        if name.startswith(f"{ROOT}.") and isinstance(logger, logging.Logger):
            logger.setLevel(logging.NOTSET)


class Sink(logging.Handler):
    """Appends lines to a file, or to ``:stderr`` or ``:stdout``.

    Each record is one ``write``, so that lines of several processes in one file do not mix.  A line that cannot be
    written is dropped: a full disk under the log must not stop the job.
    """

    def __init__(self, target: str, limit: int = 0) -> None:
        """Write to *target*; at *limit* bytes (0: never) a file is renamed to ``<target>.old`` and begun anew."""
        super().__init__()
        self._target = target
        self._limit = limit
        self._fd = _STANDARD.get(target, -1)

    def open(self) -> None:
        """Open the file now.  Raises ConfigError naming it."""
        try:
            self._open()
        except OSError as error:
            raise ConfigError(f"cannot write the log {self._target!r}: {error.strerror}", codes.OUTPUT_FILE) from error

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record.  Called with the handler's lock held."""
        data = line(record).encode("utf-8", "backslashreplace")
        try:
            self._open()
            self._rotate(len(data))
            os.write(self._fd, data)
        except OSError:
            # The one place where an error is dropped: there is nowhere left to tell it, and the job must go on.
            return

    def close(self) -> None:
        """Close the file.  Idempotent."""
        self.acquire()
        try:
            if self._target not in _STANDARD and self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
        finally:
            self.release()
        super().close()

    def _open(self) -> None:
        if self._fd < 0:
            # O_NONBLOCK: a FIFO that nobody reads must not stop the job (open(2): ENXIO; write(2): EAGAIN).
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
            self._fd = os.open(self._target, flags, 0o600)

    def _rotate(self, more: int) -> None:
        """Begin a new file if *more* bytes do not fit any more.  Terminals and pipes never rotate."""
        if not self._limit or self._target in _STANDARD:
            return
        ours = os.fstat(self._fd)
        if ours.st_size == 0 or ours.st_size + more <= self._limit:
            return
        # Another run that shares the file may have renamed it already: then only the descriptor is old.
        if _is_named(ours, self._target):
            os.rename(self._target, f"{self._target}.old")
        os.close(self._fd)
        self._fd = -1
        self._open()


def _is_named(info: os.stat_result, path: str) -> bool:
    try:
        return os.path.samestat(info, os.stat(path))
    except FileNotFoundError:
        return False


def line(record: logging.LogRecord) -> str:
    """*record* in Parrot's format, with its traceback if it has one, each line with the same head."""
    moment = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(record.created))
    hundredths = int(record.created % 1 * 100)
    pid = os.getpid()
    child = getattr(record, "child", pid)
    head = f"{moment}.{hundredths:02d} parrot_run[{pid}] <child:{child}> {_flag(record)}: "
    text = _printable(_text(record))
    lines = [tagged(text, code) if (code := getattr(record, "code", None)) else text]
    if record.exc_info:
        lines += "".join(traceback.format_exception(*record.exc_info)).splitlines()
    return "".join(f"{head}{each}\n" for each in lines)


def _flag(record: logging.LogRecord) -> str:
    for level, name in _ALWAYS:
        if record.levelno >= level:
            return name
    return record.name.rpartition(".")[2]


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        # A message and arguments that do not fit are our defect; both are still worth reading.
        return f"{record.msg} {record.args!r}"


def _printable(text: str) -> str:
    # File names come from the job and from the network: they must not forge lines or move the cursor.
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
