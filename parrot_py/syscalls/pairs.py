"""Calls with two names, one of them native: link(2) and rename(2) across the border, which can only fail.

Which error it is the kernel knows best, for it looks at the native name as the job would.  So it runs the call with a
name of another mount in the place of ours, where nothing can be linked or renamed to: a native name that is in order
then leads to one errno that is known beforehand, and what our side of the call has to say takes its place.
"""

from __future__ import annotations

import errno
import os
from typing import Callable

from parrot_py.places import NORMAL, Native, Target
from parrot_py.syscalls.call import AT_FDCWD, Answer, Call, Place, Rewrite
from parrot_py.syscalls.table import ROWS

_PAIRS = {row.name: row for row in ROWS if row.name.startswith(("link", "rename"))}


def settle(call: Call, old: Place, new: Place | OSError, says: Callable[[Target], int] | None = None) -> Answer:
    """The answer to a link or rename of which one name is native; *new* may be the trouble that was met there.

    *says* raises what is wrong with a new name of ours; without it that is EXDEV.
    """
    links = call.name.startswith("link")
    roots = (None, None) if links else (_root(call, old), _root(call, new))
    if any(roots):
        if isinstance(new, OSError):
            raise new
        return _ask(call, (roots[0] or _given(old), roots[1] or _given(new)))
    if isinstance(old, Target):
        if links:
            old.found()
        if isinstance(new, OSError):
            raise new
        assert isinstance(new, Native)
        return _ask(call, (_elsewhere(new), _given(new)))
    code = errno.EXDEV
    try:
        if isinstance(new, OSError):
            raise new
        if says is not None and isinstance(new, Target):
            says(new)
    except OSError as error:
        code = error.errno or errno.EIO
    return _ask(call, (_given(old), _elsewhere(old)), instead_of=errno.EEXIST if links else errno.EXDEV, result=-code)


def _root(call: Call, place: Place | OSError) -> bytes | None:
    """What the kernel can be given for a name of ours in its own root directory, which is that of a mount point.

    /proc is another one there, and no more to be renamed.
    """
    if isinstance(place, Target) and place.last == NORMAL and place.path in call.context.namespace.roots:
        return b"/proc/" if place.slash else b"/proc"
    return None


def _given(place: Place) -> bytes | None:
    return place.path if isinstance(place, Native) and place.touched else None


def _elsewhere(name: Native) -> bytes:
    """A name on another mount: linking to it is EEXIST, linking from there and renaming are EXDEV.

    What counts is the mount of the directory that *name* lies in: that of /proc itself is the root.
    """
    above = os.path.dirname(name.path.rstrip(b"/")) or b"/"
    try:
        in_proc = os.stat(above).st_dev == os.stat(b"/proc").st_dev
    except OSError:  # which the kernel finds before it looks at mounts
        in_proc = False
    return b"/" if in_proc else b"/proc/self"


def second_failed(call: Call, old: Place, error: OSError) -> Answer:
    """Trouble with the second name counts only when the first one is in order."""
    if call.name not in _PAIRS:
        raise error
    return settle(call, old, error)


def _ask(call: Call, paths: tuple[bytes | None, bytes | None], *, instead_of: int = 0, result: int = 0) -> Answer:
    """Let the kernel run the call with those of *paths* that are given; a failure *instead_of* becomes *result*."""
    row = _PAIRS[call.name]
    args: list[int | bytes | list[int | bytes]] = list(call.args)
    for i, path in enumerate(paths):
        if path is not None:
            args[row.path[i]] = path
            if row.dirfd:
                args[row.dirfd[i]] = AT_FDCWD
    return Rewrite(args, result=result, instead_of=instead_of) if instead_of else Rewrite(args)
