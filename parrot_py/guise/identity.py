"""``-U``, ``-G`` and ``--fake-setuid``: who the job is told that it is, thread by thread, as the kernel keeps it.

The kernel's own credentials stay what they are, and with them what the job may do.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Callable, NamedTuple

from parrot_py.engine.kinds import Abi, Kind
from parrot_py.guise import Part
from parrot_py.places import fail
from parrot_py.syscalls.call import Answer, Call
from parrot_py.syscalls.table import Row

MOST_GROUPS = 128
"""What the original allowed; the kernel allows 65,536."""

_LEAVE = 0xFFFFFFFF
_OVERFLOW = 65534
_U16 = 0xFFFF

# Name: numbers in x86_64, in i386 with ids of 16 bits, in i386 with ids of 32 bits.
_CALLS = {
    "getuid": (102, 24, 199),
    "getgid": (104, 47, 200),
    "geteuid": (107, 49, 201),
    "getegid": (108, 50, 202),
    "getresuid": (118, 165, 209),
    "getresgid": (120, 171, 211),
    "getgroups": (115, 80, 205),
    "setuid": (105, 23, 213),
    "setgid": (106, 46, 214),
    "setreuid": (113, 70, 203),
    "setregid": (114, 71, 204),
    "setresuid": (117, 164, 208),
    "setresgid": (119, 170, 210),
    "setfsuid": (122, 138, 215),
    "setfsgid": (123, 139, 216),
    "setgroups": (116, 81, 206),
}


class Ids(NamedTuple):
    """Real, effective, saved and file system id."""

    real: int
    effective: int
    saved: int
    fs: int

    def has(self, value: int) -> bool:
        """Whether a caller without privileges may choose *value* (or leaves it as it is)."""
        return value in (_LEAVE, self.real, self.effective, self.saved)


class Identity(NamedTuple):
    """Users, groups, and the supplementary groups."""

    users: Ids
    groups: Ids
    others: tuple[int, ...]

    @property
    def privileged(self) -> bool:
        """Whether it may become anybody."""
        return self.users.effective == 0


def part(uid: int | None, gid: int | None, *, tracks: bool) -> Part:
    """The calls of credentials, answered for a job of user *uid* and group *gid*.

    With *tracks* it may change them by the rules of the kernel, effective user 0 being privileged; without, what would
    change something is EPERM.
    """
    told = _Told(uid, gid, tracks=tracks)
    rows, asked = [], {}
    for name, (wide, narrow, middle) in _CALLS.items():
        rows += [Row(name, wide, narrow, Kind.ASKED), Row(f"{name}32", None, middle, Kind.ASKED)]
        asked[name] = asked[f"{name}32"] = told.answers[name]
    return Part(tuple(rows), asked)


class _Told:
    """Identities by the number that the core keeps for each thread, and the answers to all calls."""

    def __init__(self, uid: int | None, gid: int | None, *, tracks: bool) -> None:
        users = [value if uid is None else uid for value in (os.getuid(), os.geteuid())]
        groups = [value if gid is None else gid for value in (os.getgid(), os.getegid())]
        first = Identity(
            Ids(users[0], users[1], users[1], users[1]),
            Ids(groups[0], groups[1], groups[1], groups[1]),
            tuple(os.getgroups()),
        )
        self._known = [first]
        self._numbers = {first: 0}
        self._tracks = tracks
        self.answers: dict[str, Callable[[Call], Answer]] = {
            "getuid": lambda call: _shown(call, self._of(call).users.real),
            "geteuid": lambda call: _shown(call, self._of(call).users.effective),
            "getgid": lambda call: _shown(call, self._of(call).groups.real),
            "getegid": lambda call: _shown(call, self._of(call).groups.effective),
            "getresuid": lambda call: _three(call, self._of(call).users),
            "getresgid": lambda call: _three(call, self._of(call).groups),
            "getgroups": lambda call: _getgroups(call, self._of(call).others),
            "setgroups": self._setgroups,
        }
        for kind in ("users", "groups"):
            letter = kind[0]
            for name, change in _CHANGES.items():
                self.answers[f"set{name}{letter}id"] = self._changing(kind, change)
            self.answers[f"setfs{letter}id"] = self._setfs(kind)

    def _of(self, call: Call) -> Identity:
        return self._known[call.stop.persona]

    def _become(self, call: Call, identity: Identity) -> None:
        number = self._numbers.setdefault(identity, len(self._known))
        if number == len(self._known):
            self._known.append(identity)
        call.context.engine.set_persona(call.stop, number)

    def _changing(self, kind: str, change: Callable[[Ids, list[int], bool], Ids | None]) -> Callable[[Call], Answer]:
        def answer(call: Call) -> Answer:
            before = self._of(call)
            ids: Ids = getattr(before, kind)
            after = change(ids, _wanted(call), before.privileged and self._tracks)
            if after is None:
                fail(errno.EPERM)
            if after != ids:
                if not self._tracks:
                    fail(errno.EPERM)
                self._become(call, before._replace(**{kind: after}))
            return 0

        return answer

    def _setfs(self, kind: str) -> Callable[[Call], Answer]:
        """setfsuid(2), setfsgid(2): they return what was before, whether they have changed it or not."""

        def answer(call: Call) -> Answer:
            before = self._of(call)
            ids: Ids = getattr(before, kind)
            value = _wanted(call)[0]
            may = before.privileged or value in ids
            if self._tracks and may and value not in (_LEAVE, ids.fs):
                self._become(call, before._replace(**{kind: ids._replace(fs=value)}))
            return ids.fs

        return answer

    def _setgroups(self, call: Call) -> Answer:
        count, before = call.int32(0), self._of(call)
        if not self._tracks or not before.privileged:
            fail(errno.EPERM)
        if not 0 <= count <= MOST_GROUPS:
            fail(errno.EINVAL)
        data = call.read(call.args[1], count * _width(call)) if count else b""
        values = struct.unpack(f"<{count}{_code(call)}", data)
        self._become(call, before._replace(others=tuple(sorted(values))))
        return 0


def _set(ids: Ids, wanted: list[int], privileged: bool) -> Ids | None:
    """setuid(2)."""
    value = wanted[0]
    if value == _LEAVE:
        fail(errno.EINVAL)
    if privileged:
        return Ids(value, value, value, value)
    return ids._replace(effective=value, fs=value) if value in (ids.real, ids.saved) else None


def _set_both(ids: Ids, wanted: list[int], privileged: bool) -> Ids | None:
    """setreuid(2)."""
    real, effective = wanted[0], wanted[1]
    if not privileged and (real not in (_LEAVE, ids.real, ids.effective) or not ids.has(effective)):
        return None
    new_real = ids.real if real == _LEAVE else real
    new = ids.effective if effective == _LEAVE else effective
    saves = real != _LEAVE or (effective != _LEAVE and effective != ids.real)
    return Ids(new_real, new, new if saves else ids.saved, new)


def _set_all(ids: Ids, wanted: list[int], privileged: bool) -> Ids | None:
    """setresuid(2)."""
    if not privileged and not all(ids.has(value) for value in wanted[:3]):
        return None
    real, effective, saved = (old if new == _LEAVE else new for old, new in zip(ids, wanted[:3]))
    if wanted[1] == _LEAVE and (real, saved) == (ids.real, ids.saved):
        return ids  # newer kernels leave even the file system id as it is
    return Ids(real, effective, saved, effective)


_CHANGES = {"": _set, "re": _set_both, "res": _set_all}


def _narrow(call: Call) -> bool:
    """Whether ids have 16 bits in this call."""
    return call.abi is Abi.I386 and not call.name.endswith("32")


def _code(call: Call) -> str:
    return "H" if _narrow(call) else "I"


def _width(call: Call) -> int:
    return 2 if _narrow(call) else 4


def _wanted(call: Call) -> list[int]:
    """The arguments as ids; what means "leave it" does so in both widths."""
    if not _narrow(call):
        return [value & 0xFFFFFFFF for value in call.args[:3]]
    values = [value & _U16 for value in call.args[:3]]
    return [_LEAVE if value == _U16 else value for value in values]


def _shown(call: Call, value: int) -> int:
    return _OVERFLOW if _narrow(call) and value > _U16 else value


def _three(call: Call, ids: Ids) -> int:
    for address, value in zip(call.args[:3], ids[:3]):
        call.write(address, struct.pack(f"<{_code(call)}", _shown(call, value)))
    return 0


def _getgroups(call: Call, groups: tuple[int, ...]) -> int:
    room = call.int32(0)
    if room < 0 or (room and room < len(groups)):
        fail(errno.EINVAL)
    if room and groups:
        shown = [_shown(call, group) for group in groups]
        call.write(call.args[1], struct.pack(f"<{len(shown)}{_code(call)}", *shown))
    return len(groups)
