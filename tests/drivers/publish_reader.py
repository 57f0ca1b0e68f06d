"""A reader of repositories for tests, written from the format alone: it shares no code with the package.

It follows the chain of trust by hand (whitelist, certificate, manifest, catalogs, objects) and asserts at every link.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import tempfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SUFFIXES = {40: "", 47: "-rmd160", 49: "-shake128"}
COLUMNS = ["hardlinks", "hash", "size", "mode", "mtime", "mtimens", "flags", "name", "symlink", "uid", "gid", "xattr"]


def digest_text(data: bytes, like: str) -> str:
    """The hash of *data*, by the algorithm that the length of the hash text *like* stands for."""
    suffix = SUFFIXES[len(like)]
    if suffix == "-shake128":
        return hashlib.shake_128(data).hexdigest(20) + suffix
    if suffix == "-rmd160":
        try:
            return hashlib.new("ripemd160", data).hexdigest() + suffix
        except ValueError:
            from Crypto.Hash import RIPEMD160

            return RIPEMD160.new(data).hexdigest() + suffix
    return hashlib.sha1(data).hexdigest()


@dataclass(frozen=True)
class Seen:
    """A row of a catalog, and where it was."""

    path: bytes
    catalog: bytes
    row: dict[str, Any]
    chunks: list[tuple[int, int, bytes]]

    @property
    def flags(self) -> int:
        return int(self.row["flags"])


class PublishedTree:
    """A repository directory whose chain of trust holds for the master key *public_key*."""

    def __init__(self, repository: Path, fqrn: str, public_key: bytes, now: datetime) -> None:
        self.repository = repository
        master = serialization.load_pem_public_key(public_key)
        assert isinstance(master, rsa.RSAPublicKey)
        self.whitelist = self._whitelist(master, fqrn, now)
        self.manifest = self._manifest(fqrn)
        self.catalogs: dict[bytes, dict[str, Any]] = {}
        self.entries: dict[bytes, Seen] = {}
        self._add_catalog(b"", self.manifest["C"])
        assert self.catalogs[b""]["bytes"] == int(self.manifest["B"])

    def letter(self, name: str) -> tuple[list[str], str, bytes]:
        data = self.repository.joinpath(name).read_bytes()
        at = data.index(b"\n--\n") + 1
        text, signature = data[at + 3 :].split(b"\n", 1)
        assert digest_text(data[:at], text.decode()) == text.decode()
        assert len(signature) == 256
        return data[:at].decode().splitlines(), text.decode(), signature

    def _whitelist(self, master: rsa.RSAPublicKey, fqrn: str, now: datetime) -> list[str]:
        lines, text, signature = self.letter(".cvmfswhitelist")
        assert master.recover_data_from_signature(signature, padding.PKCS1v15(), None) == text.encode()
        assert len(lines[0]) == 14
        assert lines[1][0] == "E"
        assert datetime.strptime(lines[1][1:11], "%Y%m%d%H") > now
        assert lines[2] == "N" + fqrn
        return lines[3:]

    def _manifest(self, fqrn: str) -> dict[str, str]:
        lines, text, signature = self.letter(".cvmfspublished")
        fields = {line[0]: line[1:] for line in lines}
        assert "".join(line[0] for line in lines) == "CBRDSGANXHTMY"
        assert fields["N"] == fqrn
        assert fields["R"] == hashlib.md5(b"").hexdigest()
        certificate = x509.load_pem_x509_certificate(self.object(fields["X"], "X"))
        key = certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA1())
        der = certificate.public_bytes(serialization.Encoding.DER)
        fingerprint = digest_text(der, fields["C"]).upper()
        pairs = ":".join(fingerprint[at : at + 2] for at in range(0, 40, 2)) + fingerprint[40:]
        assert pairs in self.whitelist
        reflog = self.repository.joinpath(".cvmfsreflog").read_bytes()
        assert digest_text(reflog, fields["Y"]) == fields["Y"]
        return fields

    def object(self, text: str, letter: str = "", plain: bool = False) -> bytes:
        """The content of an object; its hash must be right, and nothing may follow its stream."""
        stored = (self.repository / "data" / text[:2] / (text[2:] + letter)).read_bytes()
        assert digest_text(stored, text) == text
        if plain:
            return stored
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(stored) + unpacker.flush()
        assert unpacker.eof
        assert not unpacker.unused_data
        return data

    def database(self, text: str, letter: str) -> sqlite3.Connection:
        """An object that is a database, opened in memory."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.object(text, letter))
            file.flush()
            with_bytes = sqlite3.connect(":memory:")
            on_disk = sqlite3.connect(file.name)
            on_disk.backup(with_bytes)
            on_disk.close()
        with_bytes.text_factory = bytes
        return with_bytes

    def rows(self, text: str, letter: str, query: str) -> list[tuple[Any, ...]]:
        """The answer of an object that is a database."""
        with closing(self.database(text, letter)) as database:
            return database.execute(query).fetchall()

    def _add_catalog(self, prefix: bytes, text: str) -> None:
        database = self.database(text, "C")
        properties = dict(database.execute("SELECT key, value FROM properties").fetchall())
        nested = database.execute("SELECT path, sha1, size FROM nested_catalogs").fetchall()
        self.catalogs[prefix] = {
            "hash": text,
            "bytes": len(self.object(text, "C")),
            "properties": {key.decode(): value for key, value in properties.items()},
            "statistics": {k.decode(): v for k, v in database.execute("SELECT * FROM statistics").fetchall()},
            "nested": {path: (sha1.decode(), size) for path, sha1, size in nested},
        }
        assert properties.get(b"root_prefix", b"") == prefix
        self._add_rows(database, prefix)
        database.close()
        for path, sha1, size in nested:
            self._add_catalog(path, sha1.decode())
            assert self.catalogs[path]["bytes"] == size

    def _add_rows(self, database: sqlite3.Connection, prefix: bytes) -> None:
        """Rows by walking down from the catalog's own root, so a row that no path leads to is an error."""
        waiting = [prefix]
        found = 0
        while waiting:
            path = waiting.pop()
            rows = database.execute(
                f"SELECT {', '.join(COLUMNS)} FROM catalog WHERE md5path_1 = ? AND md5path_2 = ?", key_of(path)
            ).fetchall()
            assert len(rows) == 1, path
            row = dict(zip(COLUMNS, rows[0]))
            chunks = database.execute(
                "SELECT offset, size, hash FROM chunks WHERE md5path_1 = ? AND md5path_2 = ? ORDER BY offset",
                key_of(path),
            ).fetchall()
            if path not in self.entries or path == prefix:
                self.entries[path] = Seen(path, prefix, row, chunks)
            found += 1
            if row["flags"] & 1 and not row["flags"] & 2:
                names = database.execute(
                    "SELECT name FROM catalog WHERE parent_1 = ? AND parent_2 = ?", key_of(path)
                ).fetchall()
                waiting += [path + b"/" + name for (name,) in names]
        assert found == database.execute("SELECT COUNT(*) FROM catalog").fetchone()[0]

    def content(self, seen: Seen) -> bytes:
        """The content of a regular file, from its object or its chunks."""
        suffix = ["", "-rmd160", "-shake128"][seen.flags >> 8 & 7]
        plain = seen.flags >> 11 & 7 == 1
        if not seen.flags & 0x40:
            return self.object(seen.row["hash"].hex() + suffix, "", plain)
        assert len(seen.chunks) > 1
        data = b""
        for offset, size, digest in seen.chunks:
            piece = self.object(digest.hex() + suffix, "P", plain)
            assert (offset, size) == (len(data), len(piece))
            data += piece
        return data


def key_of(path: bytes) -> tuple[int, int]:
    """The primary key of a path."""
    first, second = struct.unpack("<qq", hashlib.md5(path).digest())
    return first, second
