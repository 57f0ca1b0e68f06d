"""Makes small signed repositories by hand, right or wrong in any detail: what no publisher would write."""

from __future__ import annotations

import functools
import sqlite3
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes as primitives
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from parrot_py.drivers.cvmfs.catalogs.schema import path_key
from parrot_py.drivers.cvmfs.hashes import Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish.objects import write_atomically

NAME = "forged.parrot.test"
DIR, FILE, LINK, NESTED, NESTED_ROOT, CHUNKED = 0x1, 0x4, 0xC, 0x3, 0x21, 0x44
_DIGEST_INFO = bytes.fromhex("3021300906052b0e03021a05000414")

_SCHEMA = """
CREATE TABLE catalog (md5path_1 INTEGER, md5path_2 INTEGER, parent_1 INTEGER, parent_2 INTEGER, hardlinks INTEGER,
  hash BLOB, size INTEGER, mode INTEGER, mtime INTEGER, mtimens INTEGER, flags INTEGER, name TEXT, symlink TEXT,
  uid INTEGER, gid INTEGER, xattr BLOB, CONSTRAINT pk_catalog PRIMARY KEY (md5path_1, md5path_2));
CREATE INDEX idx_catalog_parent ON catalog (parent_1, parent_2);
CREATE TABLE chunks (md5path_1 INTEGER, md5path_2 INTEGER, offset INTEGER, size INTEGER, hash BLOB,
  CONSTRAINT pk_chunks PRIMARY KEY (md5path_1, md5path_2, offset, size));
CREATE TABLE nested_catalogs (path TEXT, sha1 TEXT, size INTEGER, CONSTRAINT pk_nested PRIMARY KEY (path));
CREATE TABLE bind_mountpoints (path TEXT, sha1 TEXT, size INTEGER, CONSTRAINT pk_bind PRIMARY KEY (path));
CREATE TABLE statistics (counter TEXT, value INTEGER, CONSTRAINT pk_statistics PRIMARY KEY (counter));
CREATE TABLE properties (key TEXT, value TEXT, CONSTRAINT pk_properties PRIMARY KEY (key));
"""


@functools.cache
def rsa_key(who: str) -> rsa.RSAPrivateKey:
    """A private key for *who*, made once in a test run."""
    assert who
    return rsa.generate_private_key(65537, 1024)


def sign(who: str, message: bytes) -> bytes:
    """*message* in PKCS#1 type 1 padding, raised to the private exponent of *who*."""
    key = rsa_key(who)
    length = key.key_size // 8
    block = b"\x00\x01" + b"\xff" * (length - 3 - len(message)) + b"\x00" + message
    private = key.private_numbers()
    return pow(int.from_bytes(block, "big"), private.d, private.public_numbers.n).to_bytes(length, "big")


def letter(payload: bytes, who: str, *, digest_info: bool, algorithm: Algorithm = Algorithm.SHA1) -> bytes:
    """A signed document: like a manifest with *digest_info*, like a whitelist without."""
    text = str(algorithm.hash(payload)).encode()
    message = _DIGEST_INFO + Algorithm.SHA1.hash(text).digest if digest_info else text
    return payload + b"--\n" + text + b"\n" + sign(who, message)


@functools.cache
def certificate(who: str) -> x509.Certificate:
    """A certificate for the key of *who*; expired long ago, which must not matter."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(rsa_key(who).public_key())
    builder = builder.serial_number(7).not_valid_before(datetime(2010, 1, 1)).not_valid_after(datetime(2011, 1, 1))
    return builder.sign(rsa_key(who), primitives.SHA256())


def name_of(data: bytes) -> ContentHash:
    """The name under which a :class:`Forge` stores *data*, if nothing else is asked for."""
    return Algorithm.SHA1.hash(zlib.compress(data))


class Row(dict[str, Any]):
    """A row of a catalog at *path*; keywords replace any column."""

    def __init__(self, path: bytes, flags: int, **columns: Any) -> None:
        first, second = path_key(path)
        above = path_key(path.rpartition(b"/")[0]) if path else (0, 0)
        mode = 0o40755 if flags & DIR else 0o120777 if flags & 0x8 else 0o100644
        super().__init__(
            md5path_1=first, md5path_2=second, parent_1=above[0], parent_2=above[1], hardlinks=1, hash=None, size=4096,
            mode=mode, mtime=1700000000, mtimens=None, flags=flags, name=path.rpartition(b"/")[2], symlink=b"", uid=0,
            gid=0, xattr=None,
        )  # fmt: skip
        self.update(columns)


class Forge:
    """Writes a repository into *directory*.  The pieces are separate, so that each can be wrong."""

    def __init__(self, directory: Path, name: str = NAME) -> None:
        self.directory, self.name = directory, name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.key_file = directory / "master.pub"
        self.key_file.write_bytes(
            rsa_key("master").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )

    def store(
        self, data: bytes, kind: str = "", *, algorithm: Algorithm = Algorithm.SHA1, packed: bool = True
    ) -> ContentHash:
        """Put an object into the store."""
        stored = zlib.compress(data) if packed else data
        hash_ = algorithm.hash(stored)
        path = self.directory / hash_.object_path(kind)[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, stored)  # a client may be fetching it
        return hash_

    def content(self, hash_: ContentHash, kind: str = "") -> bytes:
        """What :meth:`store` stored."""
        return zlib.decompress((self.directory / hash_.object_path(kind)[1:]).read_bytes())

    def file(self, path: bytes, data: bytes, **columns: Any) -> Row:
        """Store *data* and describe it as the file *path*."""
        return Row(path, FILE, hash=self.store(data).digest, size=len(data), **columns)

    def catalog(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        nested: Mapping[str, ContentHash] | None = None,
        chunks: Sequence[tuple[bytes, int, int, bytes]] = (),
        properties: Mapping[str, object] | None = None,
        extra: str = "",
        schema: str = _SCHEMA,
    ) -> ContentHash:
        """Store a catalog; *extra* is SQL to run at the end."""
        with tempfile.NamedTemporaryFile() as file:
            db = sqlite3.connect(file.name)
            db.execute("PRAGMA synchronous = OFF")
            db.executescript(schema)
            for row in rows:
                # Names that are not UTF-8 are TEXT nevertheless.
                marks = ["CAST(? AS TEXT)" if type(v) is bytes and k == "name" else "?" for k, v in row.items()]
                db.execute(f"INSERT INTO catalog ({','.join(row)}) VALUES ({','.join(marks)})", [*row.values()])
            for path, hash_ in (nested or {}).items():
                db.execute("INSERT INTO nested_catalogs VALUES (?, ?, NULL)", (path, str(hash_)))
            for path_, offset, size, digest in chunks:
                db.execute("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", (*path_key(path_), offset, size, digest))
            facts = {"schema": "2.5", "schema_revision": "7", "revision": "1", **(properties or {})}
            db.executemany("INSERT INTO properties VALUES (?, ?)", facts.items())
            db.executescript(extra)
            db.commit()
            db.close()
            return self.store(Path(file.name).read_bytes(), "C")

    def whitelist(
        self, *, signer: str = "master", signed: str = "publisher", days: float = 30, **changes: str
    ) -> bytes:
        """Write and return the whitelist."""
        now = datetime.now(timezone.utc)
        print_ = changes.get("fingerprint", certificate(signed).fingerprint(primitives.SHA1()).hex(":").upper())
        lines = [
            f"{now:%Y%m%d%H%M%S}",
            f"E{now + timedelta(days=days):%Y%m%d%H%M%S}",
            f"N{changes.get('name', self.name)}",
        ]
        lines += [line for line in (changes.get("kind"),) if line] + [f"{print_} # {signed}"]
        data = letter("\n".join(lines).encode() + b"\n", signer, digest_info=False)
        self._put(".cvmfswhitelist", data)
        return data

    def manifest(
        self, root: ContentHash, *, revision: int = 1, who: str = "publisher", signer: str = "", **lines: str
    ) -> bytes:
        """Write and return the manifest; a keyword replaces the line of that letter."""
        pem = self.store(certificate(who).public_bytes(Encoding.PEM), "X")
        fields = {
            "C": str(root),
            "R": "d41d8cd98f00b204e9800998ecf8427e",
            "D": "240",
            "S": str(revision),
            "N": self.name,
        }
        fields.update({"X": str(pem), "T": str(1700000000 + revision), **lines})
        payload = "".join(f"{key}{value}\n" for key, value in fields.items() if value != "-").encode()
        data = letter(payload, signer or who, digest_info=True)
        self._put(".cvmfspublished", data)
        return data

    def _put(self, name: str, data: bytes) -> None:
        """Write a file in one step: somebody may be reading it."""
        new = self.directory / f"{name}.new"
        new.write_bytes(data)
        new.replace(self.directory / name)

    def history(self, tags: Sequence[tuple[object, ...]], *, revision: int = 3, extra: str = "") -> ContentHash:
        """Store a history database; a tag is (name, hash, revision, timestamp[, branch]); *extra* is SQL."""
        columns = (
            "name TEXT PRIMARY KEY, hash TEXT, revision INTEGER, timestamp INTEGER, channel INTEGER, description TEXT"
        )
        columns += ", size INTEGER" * (revision >= 1) + ", branch TEXT" * (revision >= 3)
        with tempfile.NamedTemporaryFile() as file:
            db = sqlite3.connect(file.name)
            db.execute("PRAGMA synchronous = OFF")
            db.executescript(
                f"CREATE TABLE properties (key TEXT PRIMARY KEY, value TEXT); CREATE TABLE tags ({columns});"
            )
            facts = {"schema": "1.0", "schema_revision": str(revision), "fqrn": self.name}
            db.executemany("INSERT INTO properties VALUES (?, ?)", facts.items())
            for name, hash_, number, timestamp, *branch in tags:
                values = [name, str(hash_), number, timestamp, 0, f"about {name}"]
                values += [4096] * (revision >= 1) + [*branch, ""][:1] * (revision >= 3)
                db.execute(f"INSERT INTO tags VALUES ({', '.join('?' * len(values))})", values)
            db.executescript(extra)
            db.commit()
            db.close()
            return self.store(Path(file.name).read_bytes(), "H")

    def publish(self, rows: Sequence[Mapping[str, Any]], *, revision: int = 1, **parts: Any) -> ContentHash:
        """A whole repository of one catalog with a root directory and *rows*."""
        root = self.catalog([Row(b"", DIR), *rows], **parts)
        self.whitelist()
        self.manifest(root, revision=revision)
        return root
