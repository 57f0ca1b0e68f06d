"""``parrot_cvmfs probe``."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from parrot_py.tools import status
from parrot_py.tools.main import main
from tests.support.httpd import Fault, Server
from tests.tools.conftest import Tool, publish_tree


def test_all_is_well(tree: Tool) -> None:
    result = tree("probe", tree.name)
    assert result.status == 0
    for line in ("state: reachable and trusted", "proxy: DIRECT", "revision: 1", "TTL: 4 min"):
        assert f"{line}\n" in result.text
    assert f"host: {tree.forged.server.url}/cvmfs/{tree.name}\n" in result.text


def test_json(tree: Tool) -> None:
    (about,) = tree("--json", "probe", f"/cvmfs/{tree.name}").json["repositories"]
    assert (about["status"], about["reachable"], about["trusted"], about["trouble"]) == (0, True, True, None)
    assert (about["revision"], about["published"], about["ttl"]) == (1, 1700000001, 240)
    assert about["age"] == pytest.approx(time.time() - 1700000001, abs=60)
    assert about["latency_ms"] > 0
    assert about["throughput"] > 0
    assert about["whitelist"]["expires_in"] == pytest.approx(30 * 86400, abs=2 * 3600)
    print_ = about["certificate"]["fingerprint"].replace(":", "").lower()
    assert about["whitelist"]["fingerprints"] == [print_]
    assert about["certificate"]["subject"] == "CN=publisher"
    assert len(about["root_hash"]) == 40


def test_the_proxy_is_named(tree: Tool) -> None:
    with Server({f"/cvmfs/{tree.name}": tree.forged.forge.directory}) as proxy:
        tree.forged.server.stop()
        (about,) = tree("--json", "probe", tree.name, "-p", proxy.url).json["repositories"]
        # The entry's own proxies would win over -p; it has none.
        assert (about["proxy"], about["status"]) == (proxy.url, 0)


@pytest.mark.parametrize(
    ("how", "number", "complaint"),
    [
        ("stop", status.UNREACHABLE, "refused"),
        ("expired", status.UNTRUSTED, "expired"),
        ("stranger", status.UNTRUSTED, "not signed by any"),
        ("garbage", status.UNTRUSTED, "malformed"),
    ],
)
def test_trouble(tree: Tool, how: str, number: int, complaint: str) -> None:
    if how == "stop":
        tree.forged.server.stop()
    elif how == "garbage":
        tree.forged.server.fault("*/.cvmfspublished", Fault(body=b"<html>log in here</html>"))
    else:
        tree.forged.forge.whitelist(days=-1 if how == "expired" else 30, signer=how if how == "stranger" else "master")
    result = tree("--json", "probe", tree.name)
    (about,) = result.json["repositories"]
    assert (result.status, about["status"]) == (number, number)
    assert complaint in about["trouble"]
    assert about["code"] == {status.UNREACHABLE: "PP301", status.UNTRUSTED: "PP310", status.DAMAGED: "PP311"}[number]
    assert about["trusted"] is False
    assert about["reachable"] is (how != "stop")
    if how == "expired":
        assert about["whitelist"]["expires_in"] == pytest.approx(-86400, abs=2 * 3600)
        assert about["revision"] == 1
    text = tree("probe", tree.name)
    assert (text.status, complaint in text.text) == (number, True)


def test_the_worst_repository_decides(tree: Tool) -> None:
    result = tree("--json", "probe", tree.name, "demo.parrot.local")
    assert result.status == 0
    tree.forged.server.stop()
    result = tree("--json", "probe", "demo.parrot.local", tree.name)
    assert result.status == status.UNREACHABLE
    assert [each["status"] for each in result.json["repositories"]] == [0, status.UNREACHABLE]


def test_each_server_has_its_own_state(tree: Tool, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    name, old = tree.name, tmp_path / "old"
    shutil.copytree(tree.forged.forge.directory, old)
    publish_tree(tree.forged, 2)
    with Server({f"/cvmfs/{name}": old}) as behind, Server(tmp_path) as empty:
        urls = [f"{server.url}/cvmfs/{name}" for server in (tree.forged.server, behind, empty)]
        entry = f"{name}:url={';'.join(urls)},pubkey={tree.forged.forge.key_file}"
        words = ["-r", entry, "-t", str(tmp_path / "t"), "-p", "DIRECT", "probe", name, "--all-hosts"]
        assert main([*words, "--json"]) == 0
        (about,) = json.loads(capsysbinary.readouterr().out)["repositories"]
        assert main(words) == 0
        table = capsysbinary.readouterr().out.decode().splitlines()
    assert [each["host"] for each in about["hosts"]] == urls
    assert [each.get("revision") for each in about["hosts"]] == [2, 1, None]
    assert [each["status"] for each in about["hosts"]] == [0, 0, status.UNREACHABLE]
    assert not table[-1].split("\t")[-1].startswith(urls[2])
    assert [line.split("\t")[:3] for line in table[-3:]] == [
        [urls[0], "ok", "2"],
        [urls[1], "ok", "1"],
        [urls[2], "unreachable", ""],
    ]
