"""The demonstration repository that is shipped: trustworthy, small, and what its sources say."""

from __future__ import annotations

import importlib.util
import io
import os
import platform
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pytest

from parrot_py.drivers.cvmfs.publish.objects import cut
from tests.drivers.publish_reader import PublishedTree
from tests.drivers.publish_trees import attributes, paths_of, unpacked

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "parrot_py" / "data" / "demo"
FQRN = "demo.parrot.local"


@pytest.fixture(scope="module")
def demo() -> PublishedTree:
    return PublishedTree(DEMO / "www" / FQRN, FQRN, (DEMO / f"{FQRN}.pub").read_bytes(), datetime(2060, 1, 1))


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_build", ROOT / "demo" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_small_and_holds_no_private_key() -> None:
    files = [path for path in DEMO.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 200_000
    assert not [path for path in files if path.suffix in {".key", ".masterkey"} or b"PRIVATE" in path.read_bytes()]
    assert not [path for path in DEMO.rglob("*") if path.is_symlink()]


def test_it_shows_the_features(demo: PublishedTree) -> None:
    entries = demo.entries
    assert entries[b"/data/numbers.txt"].flags & 0x40
    assert entries[b"/data/first"].row["hardlinks"] == entries[b"/data/second"].row["hardlinks"] == 1 << 32 | 2
    assert set(demo.catalogs) == {b"", b"/modules"}
    assert entries[b"/links/flavour"].row["symlink"] == b"../flavours/$(DEMO_FLAVOUR:-plain)"
    assert entries[b"/check.sh"].row["mode"] == 0o100755
    assert unpacked(entries[b"/data/labelled"].row["xattr"]) == {b"user.label": b"this is an extended attribute"}


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not shutil.which("gcc"), reason="the program in it takes gcc on x86_64"
)
def test_it_is_what_its_sources_say(demo: PublishedTree, builder: ModuleType, tmp_path: Path) -> None:
    builder.stage(tmp_path / "tree")
    expected = paths_of(tmp_path / "tree")
    assert set(demo.entries) == set(expected)
    # Another compiler makes another program, and so another sum.
    compiled = {b"/bin/hello", b"/SHA256SUMS"}
    for path, place in expected.items():
        status, seen = os.lstat(place), demo.entries[path]
        assert seen.row["mode"] == status.st_mode, path
        assert (seen.row["mtime"], seen.row["uid"], seen.row["gid"]) == (builder.EPOCH, 0, 0)
        assert unpacked(seen.row["xattr"]) == attributes(place)
        if os.path.islink(place):
            assert seen.row["symlink"] == os.readlink(place)
        elif os.path.isfile(place) and path not in compiled:
            data = Path(os.fsdecode(place)).read_bytes()
            assert demo.content(seen) == data, path
            pieces = cut(io.BytesIO(data), builder.OPTIONS.chunk_sizes) if seen.chunks else []
            assert [size for _, size, _ in seen.chunks] == [len(piece) for piece in pieces]


def test_its_program_says_who_it_is(demo: PublishedTree, tmp_path: Path) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("the program is for x86_64")
    for name in ("hello", "hello.txt"):
        tmp_path.joinpath(name).write_bytes(demo.content(demo.entries[b"/bin/" + name.encode()]))
    tmp_path.joinpath("hello").chmod(0o755)
    lines = subprocess.run(["./hello"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines == [
        "my argv[0]:   ./hello",
        f"I am {tmp_path}/hello",
        "next to me:   I am the file next to the program.",
        f"working in:   {tmp_path}",
    ]
