"""Whom https servers have to be vouched for by, and what we show them of ourselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.net.outcome import CONNECT, TransferError

if TYPE_CHECKING:
    import ssl

GRID_CAS = Path("/etc/grid-security/certificates")
# Debian and SUSE, then Red Hat; a Python of its own (conda, uv) does not know where its host keeps them.
_SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")
_SYSTEM_DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")


class Credentials(NamedTuple):
    """What a protected repository wants to see: a bearer token, an X.509 proxy (PEM: certificate, key, chain), both.

    The proxy certificate is a file name or the text itself.  Sent to https servers only.
    """

    token: str | None = None
    x509: Path | bytes | None = None


CredentialSource = Callable[[], "Credentials | None"]
"""Asked before each https request; may wait.  Raises Failure when the caller may not see the repository."""


def context(config: RepositoryConfig, x509: Path | bytes | None, socket_class: type[ssl.SSLSocket]) -> ssl.SSLContext:
    """A context that verifies servers against the configured authorities; raises TransferError when it can't be made.

    A directory holds certificates under their OpenSSL hash names.  Without any setting the grid's directory counts as
    far as it exists, and the system's authorities.
    """
    import ssl

    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.sslsocket_class = socket_class
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    configured = config.ca_dir is not None or config.ca_bundle is not None
    directory = config.ca_dir or (None if configured else GRID_CAS if GRID_CAS.is_dir() else None)
    try:
        if directory is not None:
            os.listdir(directory)  # OpenSSL would not complain before the first server is refused
            made.load_verify_locations(capath=os.fsencode(directory))
        if config.ca_bundle is not None:
            made.load_verify_locations(cafile=os.fsencode(config.ca_bundle))
    except (OSError, ssl.SSLError) as error:
        place = getattr(error, "filename", None) or config.ca_bundle or directory
        raise TransferError(CONNECT, f"certificate authorities {place}: {error.strerror or error}") from None
    if config.system_ca or not configured:
        _add_system(made)
    if x509 is not None:
        _add_own(made, x509)
    return made


def _add_system(made: ssl.SSLContext) -> None:
    for bundle in _SYSTEM_BUNDLES:
        if os.access(bundle, os.R_OK):
            made.load_verify_locations(cafile=bundle)
            return
    for directory in _SYSTEM_DIRECTORIES:
        if os.path.isdir(directory):
            made.load_verify_locations(capath=directory)
            return
    made.load_default_certs()


def _add_own(made: ssl.SSLContext, x509: Path | bytes) -> None:
    """Load the client certificate.  Text goes through memory, never through a file that others might find."""
    import ssl

    try:
        if isinstance(x509, Path):
            made.load_cert_chain(x509)
            return
        fd = os.memfd_create("x509")
        try:
            with os.fdopen(fd, "wb", closefd=False) as file:
                file.write(x509)
            made.load_cert_chain(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)
    except (OSError, ssl.SSLError) as error:
        raise TransferError(CONNECT, f"X.509 proxy: {error.strerror or error}") from None
