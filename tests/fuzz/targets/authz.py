"""What a helper program for protected repositories says."""

from __future__ import annotations

import json
from contextlib import suppress

from parrot_py.drivers.cvmfs.trust.authz import HelperError
from parrot_py.drivers.cvmfs.trust.authz_helper import LONGEST_MESSAGE, PERMIT, decode, decode_head, read_permit
from tests.fuzz.target import Target


def check(data: bytes) -> None:
    """The head of a frame, a whole message, and the fields of a permit."""
    if len(data) >= 8:
        with suppress(HelperError):
            assert 0 <= decode_head(data[:8]) <= LONGEST_MESSAGE
    with suppress(HelperError):
        _permit(decode(data, PERMIT))
    with suppress(HelperError, ValueError, RecursionError):
        fields = json.loads(data)
        if isinstance(fields, dict):
            _permit(fields)


def _permit(fields: dict[str, object]) -> None:
    permit = read_permit(fields)
    assert 0 <= permit.status <= 5
    assert 0 <= permit.ttl < 10**9
    if permit.credentials is not None and permit.credentials.token is not None:
        assert "\n" not in permit.credentials.token


TARGET = Target(
    check, 2048, (b"cvmfs_authz_v1", b'"msgid":3', b'"status":0', b'"ttl":', b'"x509_proxy":"', b'"bearer_token":"')
)
