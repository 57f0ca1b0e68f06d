"""``parrot_cvmfs`` stat, ls and cat; names, options and exit statuses that all subcommands share."""

from __future__ import annotations

import base64

import pytest

from parrot_py.tools import status
from parrot_py.tools.main import SUBCOMMANDS
from tests.drivers.cvmfs.forge import certificate, rsa_key
from tests.support.httpd import Fault
from tests.tools.conftest import BIG, Tool

ODD = b"odd \xff\n\x1b[31m"


def test_stat_tells_everything(tree: Tool) -> None:
    text = tree("stat", f"{tree.name}/hello").text
    for line in ("type: file", "size: 13", "mode: -rw-r--r-- (0644)", "xattr user.note: kept", "compression: zlib"):
        assert f"{line}\n" in text
    assert "link to: dir/tool\n" in tree("stat", f"/cvmfs/{tree.name}/link").text
    assert "type: file\n" in tree("stat", "-L", f"/cvmfs/{tree.name}/link").text
    assert "(of /nested)" in tree("stat", f"{tree.name}:/nested/deep").text


def test_stat_in_json(tree: Tool) -> None:
    about = tree("stat", "--json", f"{tree.name}/dir/tool").json
    assert about["path"] == "/dir/tool"
    assert (about["type"], about["mode"], about["size"], about["mtime"]) == ("file", "4755", 10, 1600000000.123456789)
    assert (about["repository"], about["revision"], about["compression"]) == (tree.name, 1, "zlib")
    assert len(about["hash"]) == 40
    assert about["catalog"]["mountpoint"] == "/"
    several = tree("--json", "stat", f"{tree.name}/big", f"{tree.name}/link", tree.name).json
    assert [each["type"] for each in several] == ["file", "link", "directory"]
    assert [chunk["offset"] for chunk in several[0]["chunks"]] == [0, 1000, 2001, 3003, 4006]
    assert several[1]["target"] == "dir/tool"
    assert tree("--json", "stat", f"{tree.name}/hello").json["xattrs"] == {"user.note": "kept"}


def test_ls(tree: Tool) -> None:
    names = [b"big", b"dir", b"empty", b"hello", b"link", b"nested", ODD, b"out", b"pipe"]
    assert tree("ls", tree.name).out == b"".join(name + b"\n" for name in names)
    assert tree("ls", f"{tree.name}/hello").text == "hello\n"
    long = tree("ls", "-l", f"{tree.name}/dir").text.splitlines()
    assert [line.split()[-1] for line in long] == ["same1", "same2", "tool"]
    assert long[2].startswith("-rwsr-xr-x 1 ")
    assert "2020-09-13 12:26 tool" in long[2]
    assert " -> dir/tool" in tree("ls", "-l", tree.name).text


def test_ls_recursive(tree: Tool) -> None:
    text = tree("ls", "-R", tree.name).text
    assert f"/cvmfs/{tree.name}/nested:\ndeep\n" in text
    assert text.startswith(f"/cvmfs/{tree.name}:\nbig\n")
    records = tree("ls", "-R", "--json", tree.name).lines
    assert {"/nested/deep", "/dir/tool", "/hello"} < {each["path"] for each in records}
    assert len(records) == 13
    assert records[6]["path"].encode("utf-8", "surrogateescape") == b"/" + ODD


def test_cat(tree: Tool) -> None:
    assert tree("cat", f"{tree.name}/hello", f"{tree.name}/big", f"{tree.name}/empty").out == b"hello, world\n" + BIG
    assert tree("cat", f"{tree.name}/link").out == b"#!/bin/sh\n"
    (record,) = tree("cat", "--json", f"{tree.name}/hello").lines
    assert base64.b64decode(record["base64"]) == b"hello, world\n"


def test_cat_of_a_part_fetches_that_part(tree: Tool) -> None:
    assert tree("cat", "--offset", "999", "--size", "2", f"{tree.name}/big").out == b"\0\1"
    assert tree.forged.server.count("*P") == 2


@pytest.mark.parametrize(
    ("words", "number", "complaint"),
    [
        (["stat", "{}/none"], status.NOT_FOUND, "/none: No such file"),
        (["stat", "{}/hello/x"], status.NOT_FOUND, "Not a directory"),
        (["cat", "{}/dir"], status.NOT_FOUND, "Is a directory"),
        (["cat", "{}/out"], status.NOT_FOUND, "link leads out"),
        (["ls", "none.invalid"], status.USAGE, "none.invalid"),
        (["ls", "/cvmfs/"], status.USAGE, "not the name"),
        (["ls"], status.USAGE, "required"),
        (["none"], status.USAGE, "invalid choice"),
        (["ls", "-T", "never", "{}"], status.USAGE, "not a time"),
        (["get", "{}/dir", "/tmp/nowhere"], status.USAGE, "-R"),
    ],
)
def test_mistakes(tree: Tool, words: list[str], number: int, complaint: str) -> None:
    result = tree(*(word.format(tree.name) for word in words))
    assert (result.status, result.out) == (number, b"")
    assert complaint in result.err
    assert result.err.startswith("parrot_cvmfs")
    assert result.err.count("\n") == 1


def test_mistakes_in_json(tree: Tool) -> None:
    result = tree("--json", "stat", f"{tree.name}/none")
    error = result.json["error"]
    assert (error["kind"], error["status"]) == ("not-found", result.status)
    assert "/none" in error["message"]


def test_no_server(tree: Tool) -> None:
    tree.forged.server.stop()
    result = tree("ls", tree.name)
    assert result.status == status.UNREACHABLE
    assert tree.forged.server.url in result.err
    assert result.err.count("\n") == 1


def test_offline_with_what_is_cached(tree: Tool) -> None:
    assert tree("cat", f"{tree.name}/hello").status == 0
    tree.forged.server.stop()
    assert tree("cat", f"{tree.name}/hello").out == b"hello, world\n"
    assert tree("cat", f"{tree.name}/dir/tool").status == status.UNREACHABLE


def test_an_expired_whitelist(tree: Tool) -> None:
    tree.forged.forge.whitelist(days=-1)
    result = tree("ls", tree.name)
    assert result.status == status.UNTRUSTED
    assert "expired" in result.err


def test_a_wrong_key(tree: Tool) -> None:
    assert rsa_key("stranger")
    tree.forged.forge.whitelist(signer="stranger")
    assert tree("ls", tree.name).status == status.UNTRUSTED


def test_a_certificate_that_is_not_whitelisted(tree: Tool) -> None:
    assert certificate("stranger")
    tree.forged.forge.whitelist(signed="stranger")
    assert tree("ls", tree.name).status == status.UNTRUSTED


def test_damage_on_all_servers(tree: Tool) -> None:
    tree("ls", tree.name)
    tree.forged.server.fault("*/data/*", Fault(flip=5))
    assert tree("cat", f"{tree.name}/hello").status == status.DAMAGED


def test_help_of_everything(tool: Tool) -> None:
    assert all(f"\n  {name} " in tool("--help").text for name in SUBCOMMANDS)
    text = tool("--help-all").text
    assert all(f"\n    {name} " in text for name in SUBCOMMANDS)
    assert "130" in text
    for name in SUBCOMMANDS:
        assert "--cvmfs-repos" in tool(name, "--help-all").text
    assert tool("--version").text.startswith("parrot_cvmfs")


def test_options_before_and_behind(tree: Tool) -> None:
    assert tree("ls", tree.name, "-t", str(tree.place / "other")).status == 0
    assert (tree.place / "other" / "cvmfs").is_dir()
    assert not tree.cache.exists()
