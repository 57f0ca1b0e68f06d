"""Magic extended attributes: names, values, pages, where they show, and who may read them."""

from __future__ import annotations

import errno
import json
import os
import time
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import nonblocking
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.catalogs.schema import pack_xattrs
from tests.drivers.contract import expect_errno
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import CHUNKED, FILE, LINK, Row
from tests.drivers.cvmfs.truth import BASIC, SHAKE
from tests.support.httpd import Fault

Open = Callable[[RepositoryConfig], Repository]
EVERYWHERE = [
    *("fqrn", "tag", "revision", "root_hash", "expires", "nclg", "inode_max", "repo_counters", "pubkeys"),
    *("host", "host_list", "proxy", "proxy_list", "external_host", "proxy_list_external"),
    *("timeout", "timeout_direct", "external_timeout", "ndownload", "rx", "speed", "hitrate"),
    *("pid", "uptime", "version", "maxfd", "usedfd", "useddirp", "nopen", "ndiropen", "nioerr"),
    *("timestamp_last_ioerr", "ncleanup24", "logbuffer", "catalog_counters"),
]
NUMBERS = [
    *("revision", "expires", "nclg", "inode_max", "timeout", "timeout_direct", "external_timeout", "ndownload", "rx"),
    *("speed", "pid", "uptime", "maxfd", "usedfd", "useddirp", "nopen", "ndiropen", "nioerr", "timestamp_last_ioerr"),
]


def absent(repository: Repository, path: bytes, *names: bytes) -> None:
    for name in names:
        expect_errno(errno.ENODATA, lambda name=name: repository.getxattr(path, name))  # type: ignore[misc]


def test_attributes_of_the_repository(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC, external_timeout_direct=7.0))
    assert repository.getxattr(b"", b"user.fqrn") == BASIC.encode()
    for path in (b"", b"/README", b"/nested"):
        inode = repository.lookup(path)

        def get(name: str, inode: object = inode) -> bytes:
            return repository.getxattr(inode, f"user.{name}")  # type: ignore[arg-type]

        assert get("revision") == b"2"
        assert get("tag") == b""
        assert get("root_hash") == repository.root_hash.encode()
        assert get("pid") == str(os.getpid()).encode()
        assert get("host") == get("host_list") == f"{site.server.url}/cvmfs/{BASIC}".encode()
        assert get("external_host") == site.external.encode()
        assert get("proxy") == get("proxy_list") == get("proxy_list_external") == b"DIRECT"
        assert (get("timeout"), get("external_timeout")) == (b"30", b"7")
        assert get("expires") == b"4"
        assert get("repo_counters").startswith(b"chunked,2\n")
        assert get("pubkeys") == site.keys[BASIC].read_bytes()
        assert all(get(name).isdigit() for name in NUMBERS)
        assert 0 <= float(get("hitrate")) <= 100
        assert int(get("inode_max")) >= inode.ino
    assert b"catalog_mountpoint: /nested\n" in repository.getxattr(b"/nested", b"user.catalog_counters")
    assert b"catalog_mountpoint: \n" in repository.getxattr(b"/README", b"user.catalog_counters")


def test_attributes_of_files_and_links(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC))
    readme = repository.lookup(b"/README")
    link = next(inode for _, inode in repository.walk() if inode.is_link and b"chosen" in (inode.target or b""))
    get = repository.getxattr
    assert get(readme, b"user.hash") == get(readme, b"user.chunk_list").split(b"\n")[1].split(b",")[0]
    assert (get(readme, b"user.chunks"), get(readme, b"user.compression")) == (b"1", b"zlib")
    assert (get(readme, b"user.direct_io"), get(readme, b"user.external_file")) == (b"0", b"0")
    assert b"$(MYVAR" in get(link, b"user.rawlink") == get(link, b"xfsroot.rawlink")
    absent(repository, b"", b"user.hash", b"user.chunks", b"user.rawlink", b"user.authz", b"user.nonsense")
    absent(repository, b"/README", b"user.rawlink", b"user.external_url", b"xfsroot.x")


def test_the_hash_of_the_cached_copy(site: Site, opened: Open) -> None:
    for name, path in ((BASIC, b"/README"), (SHAKE, b"/README")):
        repository = opened(site.config(name))
        inode = repository.lookup(path)
        assert repository.getxattr(inode, b"user.lhash") == b"Not in cache"
        local = repository.materialise(inode)
        assert repository.getxattr(inode, b"user.lhash") == repository.getxattr(inode, b"user.hash")
        os.chmod(local, 0o644)
        with open(local, "r+b") as file:
            file.write(b"!")
        assert repository.getxattr(inode, b"user.lhash") != repository.getxattr(inode, b"user.hash")


def test_attributes_of_external_files(site: Site, opened: Open) -> None:
    repository = opened(site.config(SHAKE))
    inode = repository.lookup(b"/external/chunked5m")
    assert repository.getxattr(inode, b"user.external_file") == b"1"
    assert repository.getxattr(inode, b"user.external_url") == f"{site.external}/external/chunked5m".encode()
    assert repository.getxattr(inode, b"user.compression") == b"none"


def test_chunks(forged: Forged, opened: Open) -> None:
    digests = [forged.forge.store(part, "P") for part in (b"12345", b"678")]
    rows = [(b"/file", 0, 5, digests[0].digest), (b"/file", 5, 3, digests[1].digest)]
    forged.forge.publish([Row(b"/file", CHUNKED, size=8)], chunks=rows)
    repository = opened(forged.config())
    assert repository.getxattr(b"/file", b"user.chunks") == b"2"
    listed = f"hash,offset,size\n{digests[0]},0,5\n{digests[1]},5,3\n"
    assert repository.getxattr(b"/file", b"user.chunk_list") == listed.encode()
    absent(repository, b"/file", b"user.hash", b"user.lhash")


def test_what_was_done_and_what_went_wrong(forged: Forged, opened: Open) -> None:
    forged.forge.publish([forged.forge.file(b"/f", b"x" * 9), forged.forge.file(b"/g", b"y")])
    repository = opened(forged.config(max_retries=0))

    def told(*names: str) -> list[bytes]:
        return [repository.getxattr(b"", f"user.{name}") for name in names]

    repository.read(b"/f")
    repository.read(b"/f")
    repository.scandir(b"")
    assert told("nopen", "ndiropen", "nioerr", "timestamp_last_ioerr", "logbuffer") == [b"2", b"1", b"0", b"0", b""]
    before = int(time.time())
    forged.server.fault("*", Fault(status=500))
    expect_errno(errno.EIO, lambda: repository.read(b"/g"))
    assert told("nioerr") == [b"1"]
    assert int(told("timestamp_last_ioerr")[0]) >= before
    (line,) = told("logbuffer")[0].splitlines()
    assert f"Z {forged.forge.name}: ".encode() in line
    assert repository.statistics()["eio.06"] == repository.statistics()["eio.total"] == 1


def test_meta_information(forged: Forged, opened: Open) -> None:
    text = json.dumps({"administrator": "nobody"}).encode()
    forged.forge.publish([])
    absent(opened(forged.config()), b"", b"user.repo_metainfo")
    meta = forged.forge.store(text, "M")
    forged.forge.manifest(forged.forge.catalog([Row(b"", 1)]), revision=2, M=str(meta))
    repository = opened(forged.config())
    asked = forged.server.count("*M")
    assert [repository.getxattr(b"", b"user.repo_metainfo") for _ in range(2)] == [text, text]
    assert forged.server.count("*M") == asked + 1


def test_a_membership_requirement(forged: Forged, opened: Open) -> None:
    forged.forge.publish([], properties={"revision": "7"})
    absent(opened(forged.config()), b"", b"user.authz")


def test_when_the_next_revision_is_looked_for(forged: Forged, opened: Open) -> None:
    root = forged.forge.publish([], properties={"TTL": "600"})

    def expires(**changes: object) -> bytes:
        return opened(forged.config(**changes)).getxattr(b"", b"user.expires")

    assert expires() == b"10"
    assert expires(max_ttl=90.0) == b"1"
    assert expires(root_hash=str(root)) == expires(auto_update=False) == b"never (fixed root catalog)"


def test_pages_of_long_values(forged: Forged, opened: Open) -> None:
    counters = "".join(f"INSERT INTO statistics VALUES ('self_c{n:05}', {n});" for n in range(4000))
    forged.forge.publish([forged.forge.file(b"/f", b"")], extra=counters)
    repository = opened(forged.config())

    def get(name: str) -> bytes:
        return repository.getxattr(b"/f", f"user.{name}")

    whole = b"".join(b"c%05d,%d\n" % (n, n) for n in range(4000))
    assert len(whole) > 40_000
    assert get("repo_counters") == get("repo_counters~0") == whole[:40_000]
    assert get("repo_counters~1") == whole[40_000:]
    assert get("repo_counters~?") == b"num_pages, 2"
    assert get("repo_counters@1") == b"# page 1 of 2\n" + whole[40_000:]
    assert b"2 page" in get("repo_counters@?")
    assert b"no page 2" in get("repo_counters@2")
    absent(repository, b"/f", b"user.repo_counters~2", b"user.fqrn~1", b"user.fqrn~x", b"user.fqrn@", b"user.none~0")


def test_catalog_attributes_beside_magic_ones(forged: Forged, opened: Open) -> None:
    own = {b"user.mine": b"1", b"user.fqrn": b"false", b"user.a~1": b"2", b"user.b@c": b"3", b"security.x": b"4"}
    forged.forge.publish([forged.forge.file(b"/f", b"", xattr=pack_xattrs(own))])
    repository = opened(forged.config())
    assert repository.getxattr(b"/f", b"user.mine") == b"1"
    assert repository.getxattr(b"/f", b"user.fqrn") == forged.forge.name.encode()
    assert repository.getxattr(b"/f", b"security.x") == b"4"
    absent(repository, b"/f", b"user.a~1", b"user.b@c")
    assert sorted(repository.listxattr(b"/f")) == sorted(own)


def test_labels_of_what_has_none_need_no_catalog(forged: Forged, opened: Open) -> None:
    forged.forge.publish([forged.forge.file(b"/f", b"")])
    repository = opened(forged.config())
    inode = repository.lookup(b"/f")
    repository.tree.close()
    with nonblocking():
        for name in (b"security.selinux", b"security.capability", b"system.posix_acl_access"):
            expect_errno(errno.ENODATA, lambda name=name: repository.getxattr(inode, name))  # type: ignore[misc]


@pytest.mark.parametrize(("visible", "paths"), [("rootonly", {b""}), ("never", set()), ("always", {b"", b"/f", b"/l"})])
def test_where_they_are_listed(forged: Forged, opened: Open, visible: str, paths: set[bytes]) -> None:
    forged.forge.publish([forged.forge.file(b"/f", b"x"), Row(b"/l", LINK, symlink=b"f"), Row(b"/big", FILE)])
    repository = opened(forged.config(magic_xattrs=visible))
    for path in (b"", b"/f", b"/l"):
        inode = repository.lookup(path)
        names = set(repository.listxattr(inode))
        own = {b"": set(), b"/f": {"hash", "chunks", "lhash"}, b"/l": {"rawlink"}}[path]
        wanted = {f"user.{name}".encode() for name in [*EVERYWHERE, *own]} if path in paths else set()
        assert wanted <= names
        assert bool(names) == (path in paths)
        assert all(repository.getxattr(inode, name) is not None for name in names)
        assert repository.getxattr(inode, b"user.fqrn") == forged.forge.name.encode()


def test_protected_attributes(forged: Forged, opened: Open) -> None:
    forged.forge.publish([])
    repository = opened(forged.config(protected_xattrs=("user.host_list",), privileged_gids=(100,)))
    root = repository.lookup(b"")
    for gid in (None, 0, 100):
        assert repository.getxattr(root, b"user.host_list", gid)
    for name in (b"user.host_list", b"user.host_list~0"):
        expect_errno(errno.ENODATA, lambda name=name: repository.getxattr(root, name, 7))  # type: ignore[misc]
    assert repository.getxattr(root, b"user.host", 7)
