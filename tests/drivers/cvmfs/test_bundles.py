"""What a bundle's document says, and what is none."""

from __future__ import annotations

import json

import pytest

from parrot_py.drivers.cvmfs.ahead.bundles import MOST_FILES, NoBundle, dependencies, document_of


def document(**changes: object) -> bytes:
    fields = {"name": "CVMFS_BUNDLE", "version": "1.0.0", "encoding": "UTF-8", "dependencies": ["/a", "/b/c"]}
    return json.dumps({**fields, **changes}).encode()


def test_the_document_lies_next_to_the_trigger() -> None:
    assert document_of(b"/bin/root") == b"/bin/.cvmfsbundle-root"
    assert document_of(b"/x") == b"/.cvmfsbundle-x"


def test_paths_in_order_each_once() -> None:
    assert dependencies(document()) == [b"/a", b"/b/c"]
    assert dependencies(document(dependencies=["/b", "/a", "/b", "//a/./"])) == [b"/b", b"/a"]
    assert dependencies(document(dependencies=["/gr\u00fc\u00df"])) == ["/gr\u00fc\u00df".encode()]


def test_entries_that_are_no_paths_do_not_spoil_the_rest() -> None:
    odd = ["relative", "", "/", 7, None, ["/x"], "/nul\0", "/\ud800", "/../../etc/passwd", "/good"]
    assert dependencies(document(dependencies=odd)) == [b"/etc/passwd", b"/good"]


def test_a_newer_minor_version_is_read() -> None:
    assert dependencies(document(version="1.7.2")) == [b"/a", b"/b/c"]
    assert dependencies(b'{"dependencies": ["/a"]}') == [b"/a"]


def test_a_very_long_list_is_cut() -> None:
    assert len(dependencies(document(dependencies=[f"/{n}" for n in range(MOST_FILES + 5)]))) == MOST_FILES


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[" * 100_000,
        b"[]",
        b'"text"',
        b"null",
        document(name="SOMETHING_ELSE"),
        document(version="2.0"),
        document(dependencies=None),
        document(dependencies={"/a": 1}),
        document(dependencies="/a"),
    ],
    ids=range(12),
)
def test_what_is_no_bundle_says_why(data: bytes) -> None:
    with pytest.raises(NoBundle, match=r"\w"):
        dependencies(data)
