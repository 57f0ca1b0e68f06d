"""Memory and descriptors of the job's threads, which the core reaches by their numbers alone."""

from __future__ import annotations

import errno
import os

from parrot_py.engine._core import ffi, lib


class Memory:
    """A part of :class:`parrot_py.engine.core.Engine`; belongs to the same thread."""

    def read(self, tid: int, address: int, size: int) -> bytes:
        """*size* bytes of the job's memory; raises EFAULT unless all of them can be read."""
        buffer = ffi.new("char[]", size)
        if lib.pp_read(tid, address, buffer, size) != size:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
        return bytes(ffi.buffer(buffer, size))

    def write(self, tid: int, address: int, data: bytes) -> None:
        """Write *data* into the job's memory as the job itself could; raises EFAULT."""
        if data and lib.pp_write(tid, address, data, len(data)) != len(data):
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))

    def read_string(self, tid: int, address: int, limit: int) -> bytes:
        """The string at *address*; raises EFAULT, or ENAMETOOLONG when it does not end within *limit* bytes."""
        buffer = ffi.new("char[]", limit)
        n = lib.pp_read_string(tid, address, buffer, limit)
        if n < 0:
            raise OSError(-n, os.strerror(-n))
        return bytes(ffi.buffer(buffer, n))

    def seek(self, tid: int, fd: int, offset: int, whence: int) -> int:
        """``lseek`` on a descriptor of the job; ``-errno``: ENOSYS where the kernel cannot do that (before 5.6)."""
        return int(lib.pp_seek(tid, fd, offset, whence))
