"""The manifest ``.cvmfspublished``: what the newest revision of a repository is."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.trust.letter import Letter, TrustError, open_letter

_ROOT_PATH_MD5 = hashlib.md5(b"", usedforsecurity=False).hexdigest()


class Manifest(NamedTuple):
    """The signed statement of what the newest revision of a repository is.

    ``ttl`` is in seconds and ``root_size`` in bytes (0: not told); ``timestamp`` is Unix time.  ``alternative``: root
    catalog and certificate are fetched by the names ``/.cvmfsalt-…``, which servers of protected repositories show to
    everybody.
    """

    fqrn: str
    root: ContentHash
    revision: int
    timestamp: int
    certificate: ContentHash
    ttl: int = 0
    root_size: int = 0
    history: ContentHash | None = None
    metainfo: ContentHash | None = None
    alternative: bool = False

    @classmethod
    def parse(cls, payload: bytes) -> Manifest:
        """Read the payload of a manifest letter; a repeated letter overwrites, an unknown one is ignored."""
        text = payload.decode("utf-8", "surrogateescape")
        fields = {line[0]: line[1:] for line in text.split("\n")[:-1] if line}
        try:
            if fields["R"] != _ROOT_PATH_MD5:
                raise TrustError("malformed manifest: the root path is not the root")
            return cls(
                fqrn=fields["N"],
                root=ContentHash.parse(fields["C"]),
                revision=_decimal(fields["S"]),
                timestamp=_decimal(fields.get("T", "0")),
                certificate=ContentHash.parse(fields["X"]),
                ttl=_decimal(fields["D"]),
                root_size=_decimal(fields.get("B", "0")),
                history=_optional_hash(fields.get("H")),
                metainfo=_optional_hash(fields.get("M")),
                alternative=fields.get("A") == "yes",
            )
        except KeyError as error:
            raise TrustError(f"malformed manifest: no line {error.args[0]}") from None
        except ValueError as error:
            raise TrustError(f"malformed manifest: {error}") from None


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError(f"not a number: {text[:40]!r}")
    return int(text)


def _optional_hash(text: str | None) -> ContentHash | None:
    try:
        return ContentHash.parse(text) if text else None
    except ValueError:
        return None


def read_manifest(data: bytes, fqrn: str) -> tuple[Manifest, Letter]:
    """The manifest in *data* if it is for *fqrn*, and its letter, whose signature is yet to be checked; TrustError."""
    letter = open_letter(data)
    manifest = Manifest.parse(letter.payload)
    if manifest.fqrn != fqrn:
        raise TrustError(f"it is for the repository {manifest.fqrn!r}")
    return manifest, letter
