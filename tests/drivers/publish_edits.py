"""Random changes of a directory, of every kind that a publisher may meet between two revisions."""

from __future__ import annotations

import os
import random
import shutil
import stat
from pathlib import Path

NAMES = ("a", "b", "c", "d", ".cvmfscatalog", "x y", "\udcff")
SIZES = (0, 1, 700, 1024, 1025, 9000, 30000)


class Edits:
    """Changes the tree at *root*, which exists, as the numbers of *dice* say."""

    def __init__(self, root: Path, dice: random.Random) -> None:
        self.root, self.dice = root, dice
        self._acts = (
            (self.write, 6),
            (self.rewrite_unseen, 3),
            (self.make_directory, 4),
            (self.toggle_catalog, 4),
            (self.remove, 3),
            (self.rename, 3),
            (self.link, 2),
            (self.hard_link, 2),
            (self.change_attributes, 2),
            (self.replace_by_another_type, 2),
        )

    def some(self, count: int) -> None:
        """Make *count* changes."""
        for _ in range(count):
            act = self.dice.choices([act for act, _ in self._acts], [weight for _, weight in self._acts])[0]
            act()

    def _all(self, *kinds: int) -> list[Path]:
        found = [path for path in sorted(self.root.rglob("*")) if stat.S_IFMT(path.lstat().st_mode) in kinds]
        return [self.root, *found] if stat.S_IFDIR in kinds else found

    def _directory(self) -> Path:
        return self.dice.choice(self._all(stat.S_IFDIR))

    def _free(self) -> Path | None:
        path = self._directory() / self.dice.choice(NAMES)
        return None if os.path.lexists(path) else path

    def write(self) -> None:
        """A new file, or new content of an old one."""
        path = self._directory() / self.dice.choice(NAMES)
        if not os.path.lexists(path) or stat.S_ISREG(path.lstat().st_mode):
            path.write_bytes(self.dice.randbytes(self.dice.choice(SIZES)))

    def rewrite_unseen(self) -> None:
        """Other content under the same size and modification time."""
        if files := self._all(stat.S_IFREG):
            path = self.dice.choice(files)
            before = path.stat()
            path.write_bytes(self.dice.randbytes(before.st_size))
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def make_directory(self) -> None:
        """A directory, a nested catalog now and then."""
        if path := self._free():
            path.mkdir()
            if self.dice.random() < 0.4:
                path.joinpath(".cvmfscatalog").touch()

    def toggle_catalog(self) -> None:
        """A directory becomes a nested catalog, or one again."""
        marker = self._directory() / ".cvmfscatalog"
        if marker.is_dir() and not marker.is_symlink():
            return
        if os.path.lexists(marker):
            marker.unlink()
        else:
            marker.touch()

    def remove(self) -> None:
        """Anything, with all below it."""
        if paths := self._all(stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK, stat.S_IFIFO)[1:]:
            erase(self.dice.choice(paths))

    def rename(self) -> None:
        """Anything, with its nested catalogs, to where it may be."""
        paths, target = self._all(stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK)[1:], self._free()
        if paths and target is not None:
            path = self.dice.choice(paths)
            if path not in (target, *target.parents):
                path.rename(target)

    def link(self) -> None:
        """A symbolic link to nowhere."""
        if path := self._free():
            path.symlink_to(self.dice.choice(("nowhere", "/tmp", "$(VAR:-x)")))

    def hard_link(self) -> None:
        """Another name of a file, in its directory or elsewhere."""
        files = self._all(stat.S_IFREG)
        target = self._free() if self.dice.random() < 0.4 else None
        if files:
            path = self.dice.choice(files)
            target = target or path.with_name(self.dice.choice(NAMES))
            if not os.path.lexists(target):
                os.link(path, target)

    def change_attributes(self) -> None:
        """Mode, time, an extended attribute."""
        if paths := self._all(stat.S_IFDIR, stat.S_IFREG):
            path = self.dice.choice(paths)
            path.chmod(self.dice.choice((0o755, 0o700, 0o2755, 0o777)))
            os.utime(path, ns=(1, self.dice.randrange(2**60)))
            if self.dice.random() < 0.5:
                os.setxattr(path, "user.x", self.dice.randbytes(3))

    def replace_by_another_type(self) -> None:
        """A file, a link, a directory or a fifo under a name that was something else."""
        if paths := self._all(stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK)[1:]:
            path = self.dice.choice(paths)
            erase(path)
            make = (path.touch, path.mkdir, lambda: path.symlink_to("x"), lambda: os.mkfifo(path))
            self.dice.choice(make)()


def erase(path: Path) -> None:
    """Remove *path*, whatever it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
