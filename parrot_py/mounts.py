"""The mount table of a job: which names stand for something else, or for nothing, and what is permitted there.

A :class:`MountTable` never changes; a run that mounts something later gets another one.  It speaks of *names* (as the
job knows things) and of *places* (as the host or a repository knows them), both canonical: absolute, without dots and
links, ``b""`` for the root.  Of all mounts that match a name, at it or above it, the last one counts; it *governs* the
name, and its *point* is the shortest name on the way that it matches.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from parrot_py.config.model import DENY, ENOENT, LCACHE, LOCAL, RESOLVER, RWX, Mount
from parrot_py.engine.clib import matches

CVMFS = b"/cvmfs"
FSSPEC = b"/fsspec"
SERVICES = (b"/grow", b"/http", b"/https", FSSPEC)
"""The places of other drivers, where they are not switched off."""
NOTHING = -1
"""Stands for the index of a mount where none governs."""

REFUSALS = (DENY, ENOENT)
ASKED = (RESOLVER, LCACHE)
_WILD = b"*?["


def under(path: bytes, top: bytes) -> bool:
    """Whether *path* is *top* or lies below it."""
    return path.startswith(top) and path[len(top) : len(top) + 1] in (b"", b"/")


def is_virtual(path: bytes) -> bool:
    """Whether *path* is where drivers have their places."""
    return any(under(path, place) for place in (CVMFS, *SERVICES))


def is_pattern(prefix: bytes) -> bool:
    """Whether *prefix* is a pattern of fnmatch(3) and no literal name."""
    return any(byte in _WILD for byte in prefix)


def literal_part(pattern: bytes) -> bytes:
    """The directory that all names matching *pattern* lie in, as far as the pattern tells."""
    first = min(at for at in (pattern.find(b"%c" % byte) for byte in _WILD + b"\\") if at >= 0)
    return pattern[:first].rpartition(b"/")[0]


def ways(name: bytes) -> Iterator[bytes]:
    """The root, all names above *name* from the top downwards, and *name*."""
    yield b""
    at = name.find(b"/", 1)
    while at > 0:
        yield name[:at]
        at = name.find(b"/", at + 1)
    if name:
        yield name


class MountTable:
    """The mounts of a job, those that count most last.  The first *sealed* of them are there to stay.

    All their names and places are canonical (:func:`table_of`); *spelled* are names that lead to them by a link.
    """

    def __init__(self, mounts: Sequence[Mount] = (), sealed: int = 0, spelled: Sequence[bytes] = ()) -> None:
        self.sealed = sealed
        self.spelled = tuple(spelled)
        self.mounts = tuple(mounts)
        self._exact: dict[bytes, int] = {}
        self._patterns: list[tuple[int, bytes]] = []
        self._below: dict[bytes, int] = {}
        for index, mount in enumerate(self.mounts):
            self._enter(index, mount.prefix)

    def _enter(self, index: int, prefix: bytes) -> None:
        if is_pattern(prefix):
            self._patterns.append((index, prefix))
            return
        self._exact[prefix] = index
        for above in ways(os.path.dirname(prefix) if prefix.count(b"/") > 1 else b""):
            self._below[above] = index

    def __bool__(self) -> bool:
        return bool(self.mounts)

    def begins(self, name: bytes, governed: int) -> int:
        """The last mount whose point is *name* where *governed* governs the name above; ``NOTHING`` when none is."""
        found = self._exact.get(name, NOTHING)
        for index, pattern in reversed(self._patterns):
            if index <= max(found, governed):
                break
            if matches(pattern, name):
                found = index
        return found if found > governed else NOTHING

    def governing(self, name: bytes) -> tuple[int, bytes]:
        """The mount that governs *name*, and its point."""
        index, point = NOTHING, b""
        for way in ways(name):
            later = self.begins(way, index)
            if later != NOTHING:
                index, point = later, way
        return index, point

    def reaches(self, name: bytes, governed: int) -> bool:
        """Whether a mount later than *governed* begins below *name*: it is reached though *name* is not there."""
        return self._below.get(name, NOTHING) > governed

    def leads(self, name: bytes, governed: int = NOTHING) -> bool:
        """Whether a mount later than *governed* may begin below *name*."""
        if self.reaches(name, governed):
            return True
        return any(
            index > governed and (under(name, part) or under(part, name))
            for index, part in ((index, literal_part(pattern)) for index, pattern in self._patterns)
        )

    def is_border(self, index: int) -> bool:
        """Whether mount *index* is a place of its own, as a bind mount is; not so what stands for itself."""
        return index != NOTHING and not self._stands_for_itself(index)

    def _stands_for_itself(self, index: int) -> bool:
        mount = self.mounts[index]
        return mount.word == LOCAL or (not mount.word and mount.destination == mount.prefix)

    def allowed(self, index: int) -> int:
        """The bits of R, W and X that calls may ask for where *index* governs."""
        return RWX if index == NOTHING else self.mounts[index].allowed

    def name_of(self, place: bytes) -> bytes | None:
        """The name by which the job reaches *place*; ``None`` when something else has its name.

        Where there are several, the one by the most specific mount: what a wrapper redirects is what its job uses.
        """
        best: bytes | None = None
        length = -1
        for index, mount in enumerate(self.mounts):
            if mount.word in (*REFUSALS, *ASKED) or is_pattern(mount.prefix) or not under(place, mount.destination):
                continue
            if len(mount.destination) >= length:
                name = mount.prefix + place[len(mount.destination) :]
                if self.governing(name)[0] == index:
                    best, length = name, len(mount.destination)
        if best is not None:
            return best
        governing = self.governing(place)[0]
        natural = governing == NOTHING or self.mounts[governing].word in REFUSALS
        return place if natural or self._stands_for_itself(governing) else None

    def governing_place(self, place: bytes) -> int:
        """The mount by which the job reaches what the kernel knows as *place*, if only by a descriptor.

        What was removed, or never had a name, still lies on the mount that it was opened on.
        """
        name = self.name_of(place) if self.mounts and place[:1] == b"/" else None
        return NOTHING if name is None else self.governing(name)[0]

    def prefixes(self) -> list[bytes]:
        """All names at and below which the engine's gate must ask Python, those below /cvmfs excepted."""
        names = (*self.spelled, *(mount.prefix for mount in self.mounts))
        literal = (literal_part(name) if is_pattern(name) else name for name in names)
        return list(dict.fromkeys(name for name in literal if not is_virtual(name)))

    def backs(self) -> list[bytes]:
        """All places of the host that the job knows by another name."""
        places = (mount.destination for mount in self.mounts if not mount.word and not is_pattern(mount.prefix))
        return [place for place in dict.fromkeys(places) if self.name_of(place) not in (None, place)]

    def reached(self) -> list[bytes]:
        """The names that are there because something is mounted at them."""
        return [m.prefix for m in self.mounts if m.word not in (*REFUSALS, LOCAL) and not is_pattern(m.prefix)]

    def for_core(self) -> list[tuple[bytes, bytes | None]]:
        """Prefix and place of all mounts, as far as a place is all there is to say; nothing at all where that is rare.

        A prefix that leads to a mount by a link counts like the mount, and is for Python.
        """
        if any(is_pattern(mount.prefix) for mount in self.mounts):
            return []
        found: list[tuple[bytes, bytes | None]] = [(place, None) for place in (CVMFS, *SERVICES)]
        for mount in self.mounts:
            plain = not mount.word and mount.allowed == RWX and mount.destination and not is_virtual(mount.prefix)
            special = any(under(mount.destination, top) for top in (CVMFS, *SERVICES, b"/proc", b"/dev"))
            found.append((mount.prefix, mount.destination if plain and not special else None))
        known = {mount.prefix for mount in self.mounts}
        return found + [(name, None) for name in self.spelled if name not in known]

    def with_mount(self, mount: Mount) -> MountTable:
        """The same with *mount*, which counts most."""
        return MountTable((*self.mounts, *_with_cvmfs(mount)), self.sealed, self.spelled)

    def without(self, index: int) -> MountTable:
        """The same without the mount *index*."""
        return MountTable(self.mounts[:index] + self.mounts[index + 1 :], min(self.sealed, index), self.spelled)

    def last_at(self, prefix: bytes) -> int | None:
        """The index of the last mount with exactly this *prefix*."""
        found = [index for index, mount in enumerate(self.mounts) if mount.prefix == prefix]
        return found[-1] if found else None

    def restricts_below(self, name: bytes) -> bool:
        """Whether a mount that permits less than everything may begin below *name*."""
        for mount in self.mounts:
            if mount.word in REFUSALS or mount.allowed != RWX:
                literal = literal_part(mount.prefix) if is_pattern(mount.prefix) else mount.prefix
                if is_pattern(mount.prefix):
                    if under(literal, name) or under(name, literal):
                        return True
                elif literal != name and under(literal, name):
                    return True
        return False

    def concerns(self, name: bytes) -> bool:
        """Whether something is mounted at, above or below *name*."""
        return self.governing(name)[0] != NOTHING or self.leads(name)


def table_of(mounts: Sequence[Mount], *, dynamic: bool = False) -> MountTable:
    """The table of *mounts*, as the user wrote them; if not *dynamic*, they are there to stay."""
    found = [each for mount in mounts for each in _with_cvmfs(_settled(mount))]
    return MountTable(found, 0 if dynamic else len(found), [mount.prefix.rstrip(b"/") for mount in mounts])


def _with_cvmfs(mount: Mount) -> list[Mount]:
    """Who replaces ``/`` still wants to see /cvmfs; who restricts it means that, too."""
    if mount.prefix == b"" and not mount.word and mount.destination != b"":
        return [mount, Mount(CVMFS, CVMFS, allowed=mount.allowed)]
    return [mount]


def _settled(mount: Mount) -> Mount:
    """*mount* with its names as they are without links, as a real mount would find them when it is made.

    The last part of ``prefix`` is not followed: what is mounted over may be a link (SITECONF/local of cms.cern.ch).
    """
    prefix, destination = mount.prefix.rstrip(b"/"), mount.destination
    if prefix and not is_pattern(prefix) and not is_virtual(prefix):
        above, name = os.path.split(prefix)
        prefix = os.path.realpath(above).rstrip(b"/") + b"/" + name
    stays = not mount.word and destination == mount.prefix and not os.path.islink(prefix or b"/")
    if mount.word == LOCAL or stays:
        destination = prefix
    elif not mount.word and not is_virtual(destination):
        destination = os.path.realpath(destination).rstrip(b"/")
    return mount._replace(prefix=prefix, destination=destination)
