"""The two signed texts of a repository: the manifest (one per revision) and the whitelist (who may sign revisions)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, fields

from parrot_py import codes
from parrot_py.drivers.cvmfs.hashes import Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys, sign_hash_text, sign_hash_text_raw
from parrot_py.drivers.cvmfs.publish.objects import PublishError

ROOT_PATH_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
_SEPARATOR = b"\n--\n"


@dataclass(frozen=True)
class ManifestFields:
    """The lines of a manifest as text; the field order is the order in which a publisher writes them.

    An empty value leaves its line out.
    """

    C: str
    B: str
    D: str
    S: str
    N: str
    X: str
    R: str = ROOT_PATH_MD5
    G: str = "no"
    A: str = "no"
    H: str = ""
    T: str = ""
    M: str = ""
    Y: str = ""

    def payload(self) -> bytes:
        """The text that is signed, its last newline included."""
        values = {letter: getattr(self, letter) for letter in "CBRDSGANXHTMY"}
        return "".join(f"{letter}{value}\n" for letter, value in values.items() if value).encode("ascii")


def sign_manifest(manifest: ManifestFields, keys: RepositoryKeys, algorithm: Algorithm) -> bytes:
    """The content of ``.cvmfspublished``: *manifest*, signed by the repository key."""
    text = str(algorithm.hash(manifest.payload()))
    return manifest.payload() + f"--\n{text}\n".encode("ascii") + sign_hash_text(keys.private, text)


def read_manifest(data: bytes, fqrn: str) -> ManifestFields:
    """The fields of a ``.cvmfspublished`` to build upon; PublishError when it is damaged or of another repository.

    Its signature is not looked at: whoever may write here could sign anything anyway.
    """
    payload, separator, rest = data.partition(_SEPARATOR)
    payload += b"\n"
    text = rest.split(b"\n", 1)[0].decode("ascii", "replace")
    try:
        intact = bool(separator) and ContentHash.parse(text).algorithm.hash(payload) == ContentHash.parse(text)
        values = {line[:1]: line[1:] for line in payload.decode("ascii").splitlines()}
        known = {field.name for field in fields(ManifestFields)}
        manifest = ManifestFields(**{letter: value for letter, value in values.items() if letter in known})
    except (ValueError, TypeError) as error:
        raise PublishError(
            f"the manifest that {fqrn} has already is not readable: {error}", codes.PUBLISH_DAMAGED
        ) from error
    if not intact or not all(number.isdecimal() for number in (manifest.S, manifest.T or "0")):
        raise PublishError(f"the manifest that {fqrn} has already is damaged", codes.PUBLISH_DAMAGED)
    if fqrn != manifest.N:
        raise PublishError(
            f"the manifest in place is of {manifest.N or 'an unnamed repository'}, not of {fqrn}", codes.PUBLISH_DAMAGED
        )
    return manifest


@dataclass(frozen=True)
class WhitelistFields:
    """What a whitelist states: these certificates may sign *fqrn* until *expires* (UTC; clients see whole hours)."""

    fqrn: str
    issued: datetime.datetime
    expires: datetime.datetime
    fingerprints: Sequence[str]

    def payload(self) -> bytes:
        """The text that is signed, its last newline included."""
        lines = [f"{self.issued:%Y%m%d%H%M%S}", f"E{self.expires:%Y%m%d%H%M%S}", f"N{self.fqrn}", *self.fingerprints]
        return "".join(f"{line}\n" for line in lines).encode("ascii")


def sign_whitelist(whitelist: WhitelistFields, keys: RepositoryKeys, algorithm: Algorithm) -> bytes:
    """The content of ``.cvmfswhitelist``: *whitelist*, signed by the master key, which must be there."""
    master = keys.required_master()
    text = str(algorithm.hash(whitelist.payload()))
    return whitelist.payload() + f"--\n{text}\n".encode("ascii") + sign_hash_text_raw(master, text)
