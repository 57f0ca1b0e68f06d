"""Files of /proc that would betray the backing objects by name: the memory maps."""

from __future__ import annotations

import os
import re

from parrot_py.fdtable import FdTable

_MAPS = re.compile(rb"/proc/(\d+)(?:/task/\d+)?/(maps|smaps|numa_maps)\Z")


def maps_snapshot(fdtable: FdTable, path: bytes) -> bytes | None:
    """A copy of the maps file *path* with the names that the job knows; ``None`` when nothing of ours is in it.

    The copy is taken at the open, as a reader that reads in one go would see it.  Raises OSError when that fails.
    """
    match = _MAPS.match(path)
    if match is None:
        return None
    with open(path, "rb") as file:
        text = file.read()
    if fdtable.directory not in text:
        return None
    ours = re.compile(re.escape(fdtable.directory) + rb"/[^\n ]+(?: \(deleted\))?")

    def name(found: re.Match[bytes]) -> bytes:
        link, gone, _ = found.group().partition(b" (deleted)")
        node = fdtable.find(link)
        return node.path if node is not None else link + gone

    target = b"%s/m/%s-%s" % (fdtable.directory, match.group(1), match.group(2))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # A new file each time: who still reads the last one keeps it.
    with open(target + b".new", "wb") as copy:
        copy.write(ours.sub(name, text))
    os.replace(target + b".new", target)
    return target
