"""``parrot_cvmfs`` tags and diff."""

from __future__ import annotations

import pytest

from parrot_py.tools import status
from tests.drivers.cvmfs.forge import DIR, Row
from tests.drivers.cvmfs.test_past import publish_tagged
from tests.tools.conftest import Tool


@pytest.fixture
def two(tool: Tool) -> Tool:
    forge = tool.forged.forge
    rows = {
        1: [forge.file(b"/f", b"old"), forge.file(b"/gone", b"x")],
        2: [forge.file(b"/f", b"newer"), Row(b"/d", DIR)],
    }
    roots = {n: forge.catalog([Row(b"", DIR), *rows[n]], properties={"revision": str(n)}) for n in rows}
    publish_tagged(tool.forged, roots)
    return tool


def test_tags(two: Tool) -> None:
    lines = two("tags", two.name).text.splitlines()
    assert lines[0].split("\t") == ["tag", "revision", "published", "root hash", "description"]
    assert lines[1].split("\t")[:3] == ["v1", "1", "1970-01-01 00:01:40 UTC"]
    about = two("--json", "tags", two.name).json
    assert about["newest"]["revision"] == 2
    assert [(tag["name"], tag["revision"], tag["timestamp"]) for tag in about["tags"]] == [("v1", 1, 100)]


def test_no_tags(tree: Tool) -> None:
    assert tree("--json", "tags", tree.name).json["tags"] == []
    assert "no tags" in tree("tags", tree.name).err


def test_diff(two: Tool) -> None:
    result = two("diff", two.name, "v1")
    assert result.text.splitlines() == ["+ /d", "! /f (content, size)", "- /gone"]
    assert result.err == "1 added, 1 removed, 1 changed\n"
    assert two("diff", "-q", two.name, "2", "1").text.splitlines() == ["- /d", "! /f (content, size)", "+ /gone"]
    assert two("diff", two.name, "2", "2").out == b""


def test_diff_in_json(two: Tool) -> None:
    *changes, last = two("--json", "diff", two.name, "1", "2").lines
    assert last == {"summary": {"added": 1, "removed": 1, "changed": 1}}
    assert [(each["path"], each["change"]) for each in changes] == [
        ("/d", "added"),
        ("/f", "changed"),
        ("/gone", "removed"),
    ]
    assert changes[1]["what"] == ["content", "size"]
    assert (changes[1]["before"]["size"], changes[1]["after"]["size"]) == (3, 5)
    assert "before" not in changes[0]


def test_a_revision_that_is_not_there(two: Tool) -> None:
    result = two("diff", two.name, "7")
    assert result.status == status.NOT_FOUND
    assert "7: no such tag" in result.err
