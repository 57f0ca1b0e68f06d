"""Makes the corpus: ``python -m tests.fuzz.seeds``.  Inputs that fuzzing found later are added by hand."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import zlib
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from parrot_py.drivers.cvmfs.hashes import ContentHash
from tests.drivers.cvmfs.forge import CHUNKED, DIR, FILE, LINK, NESTED, NESTED_ROOT, Forge, Row, certificate
from tests.fuzz.target import CORPUS
from tests.fuzz.targets import catalog

NAME = "fuzz.parrot.test"
ROOT, HASH = "d41d8cd98f00b204e9800998ecf8427e", "0123456789abcdef0123456789abcdef01234567"

_DEFAULT = """# like default.conf
CVMFS_CLIENT_PROFILE=single
readonly CVMFS_MOUNT_DIR=/cvmfs
if [ "x$CVMFS_BASE_ENV" = "x" ]; then
  if [ -f /etc/cvmfs/default.local ]; then . /etc/cvmfs/default.local; fi
fi
case "$CVMFS_FQRN" in *.test) export CVMFS_TIMEOUT=$((5 * 2 + ${X:-1})) ;; *) X='a b' ;; esac
for part in a "b c" $(uname -m); do CVMFS_SERVER_URL="${CVMFS_SERVER_URL:+$CVMFS_SERVER_URL;}http://$part/@fqrn@"; done
[ -z "$X" ] && unset CVMFS_CLIENT_PROFILE || eval Y=\\$X
f() { return 1; }; f || CVMFS_PROXY=${CVMFS_SERVER_URL%%;*}
"""


def _small(data: bytes) -> bytes:
    """The same database with pages of 512 bytes."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        db = sqlite3.connect(file.name)
        db.execute("PRAGMA page_size = 512")
        db.execute("VACUUM")
        db.close()
        return Path(file.name).read_bytes()


def _catalogs(forge: Forge) -> dict[str, bytes]:
    digest, blob = bytes(range(20)), b"\x01\x01\x06\x05user.avalue"
    rows = [
        Row(b"", DIR | NESTED_ROOT & 0x20),
        Row(b"/file", FILE, hash=digest, size=5, xattr=blob),
        Row(b"/big", CHUNKED, size=30, hardlinks=(1 << 32) + 2),
        Row(b"/external", FILE | 0x80 | 0x800, hash=digest, size=7, mtimens=5),
        Row(b"/link", LINK, symlink=b"$(A:-b)/c", size=9),
        Row(b"/device", FILE | 0x10, mode=0o20644, size=259),
        Row(b"/dir", DIR),
        Row(b"/dir/empty", FILE, hash=digest, size=0, name=b"empty"),
        Row(b"/hidden", FILE | 0x8000, hash=digest, size=1),
        Row(b"/nested", NESTED),
        Row(b"/bound", DIR | 0x4000),
    ]
    statistics = "".join(
        f"INSERT INTO statistics VALUES ('{s}_{k}', 3);" for s in ("self", "subtree") for k in ("dir", "regular")
    )
    bind = f"INSERT INTO bind_mountpoints VALUES ('/bound', '{catalog.NESTED}', 9);"
    chunks = [(b"/big", 0, 10, digest), (b"/big", 10, 20, digest)]
    nested = {"/nested": ContentHash.parse(catalog.NESTED)}
    plain = forge.catalog(rows, nested=nested, chunks=chunks, properties={"TTL": 240}, extra=statistics + bind)
    old = forge.catalog(rows, nested=nested, properties={"schema": "1.0"})
    return {"plain.sqlite": _small(forge.content(plain, "C")), "old.sqlite": _small(forge.content(old, "C"))}


def _histories(forge: Forge) -> dict[str, bytes]:
    tags = [("v1", HASH, 1, 100), ("side", HASH, 2, 200, "branch"), ("trunk", HASH, 3, 300)]
    made = {
        f"revision{n}.sqlite": forge.content(forge.history(tags[:: 2 if n < 3 else 1], revision=n), "H") for n in (0, 3)
    }
    made["plain.sqlite"] = made["revision3.sqlite"]
    return {name: _small(data) for name, data in made.items()}


def _edits() -> dict[str, bytes]:
    """One edit of each kind, and a few at once."""
    every = {f"edit{kind}{value}": bytes([kind, 0, 5, 1, value, 9, 7]) for kind in (0, 5, 6, 7) for value in range(8)}
    return {**every, "edits": b"".join(every.values())[:84]}


def _texts(forge: Forge) -> dict[str, dict[str, bytes]]:
    root = ContentHash.parse(HASH)
    manifest = forge.manifest(root, revision=7, H=HASH, M=HASH, A="yes", G="yes")
    white = forge.whitelist()
    permit = {"msgid": 3, "revision": 0, "status": 0, "ttl": 60, "bearer_token": "abc", "x509_proxy": "QUJD"}
    proxies = "http://a:3128|http://b:3128;DIRECT;auto"
    repositories = "*.cern.ch:url=http://s/cvmfs/*.cern.ch,pubkey=/k.pub,proxies=http://p:3128;DIRECT a.b/sub:x=\\\\,y"
    return {
        "breadcrumb": {"new": f"{HASH}T1700000000R12".encode(), "old": f"{HASH}-shake128T1".encode()},
        "manifest": {"letter": manifest, "payload": manifest.partition(b"--\n")[0]},
        "whitelist": {
            "letter": white,
            "payload": white.partition(b"--\n")[0].replace(b"\nE20", b"\nE29"),
            "pkcs7": f"20240101000000\nE29990101000000\nN{NAME}\nVpkcs7\nWcachain\n".encode(),
            "blacklist": f"# no\n<{NAME} 5\nAA:BB\n".encode(),
        },
        "certificate": {
            "pem": certificate("publisher").public_bytes(Encoding.PEM),
            "der": certificate("publisher").public_bytes(Encoding.DER),
        },
        "xattr": {"two": b"\x01\x02\x06\x05user.avalue\x06\x00user.b", "none": b"\x01\x00", "cut": b"\1\x09\6\5user"},
        "authz": {
            "frame": bytes.fromhex("0100000005000000"),
            "permit": json.dumps({"cvmfs_authz_v1": permit}).encode(),
            "fields": json.dumps(permit).encode(),
        },
        "object": {
            "zlib": b"\x02" + zlib.compress(b"content" * 40),
            "bomb": b"\xff" + zlib.compress(bytes(1 << 20)),
            "empty": b"\0" + bytes.fromhex("789c030000000001"),
            "raw": b"\1raw",
        },
        "shell": {"default": _DEFAULT.encode(), "growing": b"X=aaaaaaaa\nwhile true; do X=$X$X; done\n"},
        "prefetch": {
            "bundle": b'{"name": "CVMFS_BUNDLE", "version": "1.0.0", "dependencies": ["/a/lib.so", "b", "/c/../d"]}',
            "record": b'{"kind": "file", "path": "/cvmfs/a.b/c", "size": 5, "hash": "0123"}\n# no\n/cvmfs/a/b',
        },
        "pac": {
            "script": b"function FindProxyForURL(url, host) { return 'PROXY a:3128; DIRECT'; }",
            "result": b"PROXY a:3128; HTTPS b; SOCKS c; DIRECT",
            "geo": b"3,1,2,4\n",
        },
        "configuration": {"list": repositories.encode(), "proxies": proxies.encode(), "mount": b"/a=/b", "time": b"5m"},
    }  # fmt: skip


def main() -> None:
    """Write everything below corpus/."""
    with tempfile.TemporaryDirectory() as scratch:
        forge = Forge(Path(scratch), NAME)
        corpora = {**_texts(forge), "catalog": _catalogs(forge), "history": _histories(forge)}
    for name in ("catalog", "history"):
        corpora[name].update(_edits())
    for name, inputs in corpora.items():
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        for file, data in inputs.items():
            (CORPUS / name / file).write_bytes(data)


if __name__ == "__main__":
    main()
