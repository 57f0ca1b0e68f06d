"""``parrot_cvmfs`` prefetch, verify and wipe: what they do to the cache."""

from __future__ import annotations

import os
import subprocess
import zlib
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.cache import audit
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.tools import status
from tests.drivers.cvmfs.forge import DIR, NESTED, NESTED_ROOT, Row
from tests.support.httpd import Fault
from tests.support.terminal import Terminal
from tests.tools.conftest import BIG, Tool
from tests.tools.test_process import environ


def objects(tool: Tool) -> dict[str, Path]:
    return {each.name: Path(each.path) for each in audit.stock(str(tool.cache))}


def content(tool: Tool, data: bytes) -> Path:
    """Where the cache has *data*."""
    (found,) = (path for path in objects(tool).values() if path.read_bytes() == data)
    return found


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.chmod(0o755)
    path.write_bytes({"flip": data[:-1] + bytes([data[-1] ^ 1]), "cut": data[:-1], "empty": b""}[how])


def test_prefetch_everything(tree: Tool) -> None:
    result = tree("prefetch", tree.name, "/")
    assert (result.status, result.out) == (0, b"")
    assert result.err == "7 files (4.9 KiB) in the cache\n"
    asked = len(tree.forged.server.requests)
    tree.forged.server.stop()
    assert tree("cat", f"{tree.name}/big", f"{tree.name}/nested/deep").out == BIG + b"deep down"
    assert len(tree.forged.server.requests) == asked


def test_prefetch_some(tree: Tool, tmp_path: Path) -> None:
    wanted = tmp_path / "list"
    wanted.write_bytes(b"# comment\n\n/hello\n/cvmfs/" + tree.name.encode() + b"/nested/deep\n/odd \xff\n")
    done = tree("--json", "prefetch", tree.name, "link", f"/cvmfs/{tree.name}/dir", "--list", wanted)
    assert done.status == status.NOT_FOUND  # the name in the list has a line feed in it
    assert done.json == {
        "repository": tree.name, "files": 4, "bytes": 43, "catalogs": 0, "failed": 1, "status": status.NOT_FOUND,
    }  # fmt: skip
    assert "/odd \\xff" in done.err
    tree.forged.server.stop()
    assert tree("cat", f"{tree.name}/hello", f"{tree.name}/nested/deep").status == 0
    assert tree("cat", f"{tree.name}/big").status == status.UNREACHABLE


def test_prefetch_catalogs(tool: Tool) -> None:
    forge = tool.forged.forge
    below: ContentHash | None = None
    for depth in (3, 2, 1, 0):
        path = "".join(f"/{n}" for n in range(1, depth + 1))
        rows = [Row(path.encode(), NESTED_ROOT if depth else DIR)]
        nested: dict[str, ContentHash] = {f"{path}/{depth + 1}": below} if below else {}
        rows += [Row(where.encode(), NESTED) for where in nested]
        rows += [forge.file(f"{path}/f".encode(), b"%d" % depth)]
        below = forge.catalog(rows, nested=nested, properties={"root_prefix": path} if depth else {})
    assert below
    forge.whitelist()
    forge.manifest(below)
    assert tool("prefetch", tool.name, "--catalogs", "1").err == "2 catalogs in the cache\n"
    assert tool.forged.server.count("*C") == 2
    assert tool("prefetch", tool.name, "--catalogs", "9").err == "4 catalogs in the cache\n"
    assert tool.forged.server.count("*C") == 4
    tool.forged.server.stop()
    assert tool("ls", "-R", "--json", tool.name).lines[-1]["path"] == "/1/2/3/f"


def test_prefetch_mistakes_and_trouble(tree: Tool) -> None:
    assert tree("prefetch", tree.name).status == status.USAGE
    assert tree("prefetch", tree.name, "--list", "/none").status == status.USAGE
    assert tree("prefetch", tree.name, "/none").status == status.NOT_FOUND
    tree("ls", "-R", tree.name)
    tree.forged.server.fault("*P", Fault(flip=1))
    result = tree("prefetch", tree.name, "/")
    assert result.status == status.DAMAGED
    assert "6 files" in result.err
    assert "1 failed" in result.err


def test_verify_finds_nothing_in_a_good_cache(tree: Tool) -> None:
    tree("prefetch", tree.name, "/")
    tree("cat", "--offset", "10", "--size", "1", f"{tree.name}/big")
    tree.forged.server.stop()
    result = tree("verify")
    assert result.status == 0
    assert "0 damaged\n" in result.text
    (cache,) = tree("--json", "verify").json["caches"]
    assert (cache["cache"], cache["damaged"], cache["unknown"]) == (str(tree.cache), [], [])
    assert cache["objects"] == cache["good"] == len(objects(tree)) >= 9


@pytest.mark.parametrize("how", ["flip", "cut", "empty"])
@pytest.mark.parametrize("data", [b"hello, world\n", BIG], ids=["plain", "chunked"])
def test_verify_finds_and_repairs_damage(tree: Tool, how: str, data: bytes) -> None:
    tree("prefetch", tree.name, "/")
    path = content(tree, data)
    spoil(path, how)
    result = tree("--json", "verify")
    assert (result.status, result.json["status"]) == (status.DAMAGED, status.DAMAGED)
    (found,) = result.json["caches"][0]["damaged"]
    assert path == tree.cache / found["name"]
    assert not found["removed"]
    assert path.exists()
    result = tree("verify", "--repair")
    assert result.status == 0
    assert f"damaged: {path} (removed)\n" in result.text
    assert not path.exists()
    assert tree("verify").status == 0
    name = "hello" if data != BIG else "big"
    assert tree("cat", f"{tree.name}/{name}").out == data


def test_verify_without_a_server_knows_what_sizes_tell(tree: Tool) -> None:
    tree("prefetch", tree.name, "/")
    spoil(content(tree, b"hello, world\n"), "cut")
    spoil(content(tree, b"deep down"), "flip")
    tree.forged.server.stop()
    result = tree("--json", "verify")
    (cache,) = result.json["caches"]
    assert result.status == status.DAMAGED
    assert (len(cache["damaged"]), len(cache["unknown"])) == (1, 1)


def test_verify_tells_another_compression_from_damage(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    forge = tool.forged.forge
    real = zlib.compress
    text = bytes(range(256)) * 300
    with monkeypatch.context() as patch:
        patch.setattr(zlib, "compress", lambda data: real(data, 4) if data == text else real(data))
        row = forge.file(b"/f", text)
        assert real(text, 4) not in [real(text, level) for level in (-1, 1, 9)]
    forge.publish([row, forge.file(b"/g", b"g")])
    tool("prefetch", tool.name, "/")
    (cache,) = tool("--json", "verify").json["caches"]
    assert (cache["damaged"], cache["unknown"]) == ([], [])
    tool.forged.server.stop()
    (cache,) = tool("--json", "verify").json["caches"]
    assert (cache["damaged"], len(cache["unknown"])) == ([], 1)


def test_verify_leaves_other_files_alone(tree: Tool) -> None:
    tree("cat", f"{tree.name}/hello")
    (tree.cache / "ab").mkdir(exist_ok=True)
    (tree.cache / "ab" / "notes.txt").write_text("mine")
    (tree.cache / "README").write_text("mine")
    assert tree("verify", "--repair").status == 0
    assert tree("wipe", "--yes").status == 0
    assert (tree.cache / "ab" / "notes.txt").exists()
    assert (tree.cache / "README").exists()


def test_no_cache(tool: Tool) -> None:
    assert tool("verify", "--cvmfs-alien-cache", "/dev/null/x").status == status.USAGE


def test_wipe(tree: Tool) -> None:
    tree("prefetch", tree.name, "/")
    number = len(objects(tree))
    refused = tree("wipe")
    assert (refused.status, len(objects(tree))) == (status.LOCAL, number)
    assert "--yes" in refused.err
    (report,) = tree("--json", "wipe", "--yes").json["caches"]
    assert (report["cache"], report["removed"], report["failed"]) == (str(tree.cache), number, 0)
    assert objects(tree) == {}
    assert not list(tree.cache.glob("cvmfschecksum*"))
    asked = len(tree.forged.server.requests)
    assert tree("cat", f"{tree.name}/hello").out == b"hello, world\n"
    assert len(tree.forged.server.requests) > asked


@pytest.mark.parametrize(("answer", "left"), [("y\n", False), ("\n", True)])
def test_wipe_asks(tree: Tool, tmp_path: Path, answer: str, left: bool) -> None:
    tree("cat", f"{tree.name}/hello")
    with Terminal(tree.command("wipe"), environ(), tmp_path) as terminal:
        terminal.read_until(r"remove \d+ objects .*\? \[y/N\] ")
        terminal.type(answer)
        terminal.read_until("removed")
        assert terminal.wait() == (status.USAGE if left else 0)
    assert bool(objects(tree)) is left


def test_prefetch_reads_its_list_from_a_pipe(tree: Tool) -> None:
    process = tree.start("-q", "prefetch", tree.name, "--list", "-", stdin=subprocess.PIPE)
    process.communicate(b"hello\n", timeout=60)
    assert process.returncode == 0
    assert content(tree, b"hello, world\n").exists()
    assert os.listdir(tree.cache / "txn") == []


def test_prefetch_stops_when_the_cache_is_too_small(tool: Tool) -> None:
    forge = tool.forged.forge
    forge.publish([forge.file(b"/%d" % n, os.urandom(1 << 18)) for n in range(8)])
    result = tool("prefetch", tool.name, "/", "--cvmfs-option", "CVMFS_QUOTA_LIMIT=1")
    assert result.status == status.LOCAL
    assert "holds at most 1.0 MiB (CVMFS_QUOTA_LIMIT" in result.err
    assert sum(path.stat().st_size for path in objects(tool).values()) <= 1 << 20
