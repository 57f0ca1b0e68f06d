"""Short ways to long paths of the host, where the kernel takes no more than a hundred bytes (sun_path of unix(7))."""

from __future__ import annotations

import os

KEPT = 1024


class Shortcuts:
    """Symbolic links in *folder*, which is there when the first one is wanted."""

    def __init__(self, folder: bytes) -> None:
        self._folder = folder
        self._ways: dict[bytes, list[bytes]] = {}
        self._made = 0
        self._fd: int | None = None

    def to(self, path: bytes) -> list[bytes]:
        """Short paths that lead to *path*, the better one first.

        The second, by way of our own descriptor, is short however deep the session directory lies.  They stay valid
        until KEPT others were asked for.
        """
        ways = self._ways.get(path)
        if ways is None:
            if len(self._ways) >= KEPT:
                os.unlink(self._ways.pop(next(iter(self._ways)))[0])
            self._made += 1
            link = b"%d" % self._made
            os.symlink(path, self._folder + b"/" + link)
            if self._fd is None:
                self._fd = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            ways = [self._folder + b"/" + link, b"/proc/%d/fd/%d/%s" % (os.getpid(), self._fd, link)]
            self._ways[path] = ways
        return ways
