"""What says which files are going to be needed: bundles in repositories, records and lists of users."""

from __future__ import annotations

from contextlib import suppress

from parrot_py.drivers.cvmfs.ahead import bundles, record
from tests.fuzz.target import Target


def check(data: bytes) -> None:
    """Paths are absolute, without dots and doubled slashes; what makes no sense is passed over."""
    with suppress(bundles.NoBundle):
        _clean(bundles.dependencies(data))
    touches = list(record.read(data.decode("utf-8", "surrogateescape").splitlines()))
    _clean([touch.path for _, touch in touches if touch.path])
    for name, touch in touches:
        assert "/" not in name
        again = list(record.read([record.line_of(name, touch)]))
        assert again in ([(name, touch._replace(compression=again[0][1].compression))] if again else [], [])


def _clean(paths: list[bytes]) -> None:
    for path in paths:
        assert path.startswith(b"/")
        assert not set(path[1:].split(b"/")) & {b"", b".", b".."}
        assert b"\0" not in path


WORDS = (
    b'"CVMFS_BUNDLE"',
    b'"dependencies":["/',
    b'"version":"1',
    b'{"kind":"file","path":"/cvmfs/a/',
    b'"hash":"',
    b"/../",
)
TARGET = Target(check, 2048, WORDS)
