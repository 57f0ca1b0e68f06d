"""Magic extended attributes and statfs as a job sees them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drivers.cvmfs.forge import LINK, NAME, Forge, Row
from tests.support import places, sites
from tests.support.parrot import Parrot
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
R = f"/cvmfs/{NAME}"
TELL = f"""
import errno, json, os
def get(path, name, follow=True):
    try:
        return os.getxattr(path, name, follow_symlinks=follow).decode()
    except OSError as error:
        return errno.errorcode[error.errno]
room = os.statvfs("{R}")
told = {{
    "revision": [get(p, "user.revision") for p in ("{R}", "{R}/f")],
    "page": get("{R}/f", "user.fqrn~?"),
    "raw": get("{R}/l", "xfsroot.rawlink", False),
    "none": [get("{R}/f", n) for n in ("user.none", "user.fqrn~7", "security.selinux", "system.posix_acl_access")],
    "host": get("{R}", "user.host_list").startswith("http"),
    "listed": ["user.fqrn" in os.listxattr("{R}"), os.listxattr("{R}/f"), os.listxattr("{R}/l", follow_symlinks=False)],
    "room": [room.f_bsize, room.f_blocks, room.f_bfree <= room.f_blocks, room.f_files],
}}
try:
    os.setxattr("{R}/f", "user.x", b"y")
except OSError as error:
    told["set"] = errno.errorcode[error.errno]
print(json.dumps(told))
"""


@pytest.fixture
def site(home: Path) -> Iterator[Site]:
    forge = Forge(home / "web" / NAME)
    rows = [forge.file(b"/f", b"x"), Row(b"/l", LINK, symlink=b"$(SOMEWHERE)")]
    forge.publish(rows, extra="INSERT INTO statistics VALUES ('self_regular', 1), ('subtree_dir', 6)")
    with sites.made_site(forge.directory.parent, {NAME: forge.key_file}) as site:
        yield site


@pytest.mark.parametrize("root", [False, True])
def test_attributes_and_room(site: Site, parrot: MakeParrot, root: bool) -> None:
    if root and not places.is_root():
        pytest.skip("only root can start a job as root")
    quota = ["--cvmfs-option", "CVMFS_QUOTA_LIMIT=8", "--cvmfs-option", "CVMFS_XATTR_PROTECTED_XATTRS=user.host_list"]
    run = parrot([site.entry(NAME)], quota)
    told = json.loads(run.run(["python3", "-c", TELL], root=root).expect().stdout)
    assert told == {
        "revision": ["1", "1"],
        "page": "num_pages, 1",
        "raw": "$(SOMEWHERE)",
        "none": ["ENODATA"] * 4,
        "host": root,
        "listed": [True, [], []],
        "room": [512, 16384, True, 7],
        "set": "EROFS",
    }
