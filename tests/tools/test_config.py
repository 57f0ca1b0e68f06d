"""``parrot_cvmfs config``."""

from __future__ import annotations

from parrot_py.tools import status
from tests.tools.conftest import Tool


def test_where_values_come_from(tool: Tool) -> None:
    lines = tool("config", tool.name, "--cvmfs-option", "CVMFS_QUOTA_LIMIT=123").text.splitlines()
    rows = {name: (value, origin) for name, value, origin in (line.split("\t") for line in lines[1:])}
    assert lines[0] == "name\tvalue\torigin"
    assert rows["CVMFS_QUOTA_LIMIT"] == ("123", "--cvmfs-option")
    assert rows["CVMFS_SERVER_URL"] == (f"{tool.forged.server.url}/cvmfs/{tool.name}", f"-r {tool.name}")
    assert rows["CVMFS_AUTO_UPDATE"] == ("yes", "built-in")
    assert rows["CVMFS_HTTP_PROXY"][0] == "DIRECT"


def test_only_what_is_set(tool: Tool) -> None:
    text = tool("config", "--set", tool.name).text
    assert "CVMFS_TIMEOUT\t30\t" in text
    assert "\tbuilt-in\n" not in text


def test_what_all_have_in_common(tool: Tool) -> None:
    result = tool("config")
    rows = dict(line.split("\t")[:2] for line in result.text.splitlines())
    assert result.status == 0
    assert rows["tempdir"] == str(tool.place / "tempdir")
    assert tool.name in rows["repositories"].split()


def test_json(tool: Tool) -> None:
    about = tool("--json", "config", f"/cvmfs/{tool.name}").json
    assert (about["repository"], about["cache"]) == (tool.name, str(tool.cache))
    assert about["parameters"]["CVMFS_TIMEOUT_DIRECT"] == {"value": "30", "origin": f"-r {tool.name}"}
    common = tool("--json", "config").json
    assert common["parameters"]["tempdir"]["value"] == str(tool.place / "tempdir")
    assert tool.name in common["repositories"]


def test_it_asks_no_server(tool: Tool) -> None:
    assert tool("config", tool.name).status == 0
    assert tool.forged.server.requests == []


def test_unknown(tool: Tool) -> None:
    result = tool("config", "none.invalid")
    assert (result.status, result.out) == (status.USAGE, b"")
    assert "none.invalid" in result.err
