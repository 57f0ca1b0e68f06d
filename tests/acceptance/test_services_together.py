"""A zip file in S3, a GROW tree and two repositories in one run, compared with what they were made from."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parrot_py.drivers.grow.export import Options, export
from tests.acceptance.test_truth import BASIC, truth, walker
from tests.drivers.contract import TREE
from tests.drivers.test_remote_servers import python, serving
from tests.support import places, tree
from tests.support.contract_tree import write_tree
from tests.support.httpd import Server
from tests.support.parrot import Parrot, environment
from tests.support.ports import free_port
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
BIG = bytes(range(256)) * 4096
ZIPPED = {name: what for name, what in TREE.items() if what[0] == stat.S_IFREG and b"\xff" not in name}
# Each file that is there, with the hash of its content: the same script on both sides.
WALK = "find . -type f ! -name '.growfs*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"


@pytest.fixture
def s3() -> Iterator[dict[str, str]]:
    """What tells fsspec of an S3 server, in the environment."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    port = free_port()
    with serving(python("moto.server", "-H", "127.0.0.1", "-p", str(port)), port, Path("/")):
        yield {
            "FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "FSSPEC_S3_KEY": "key",
            "FSSPEC_S3_SECRET": "secret",
        }


def put(s3: dict[str, str], bucket: str, path: str, content: bytes) -> None:
    import fsspec

    fs = fsspec.filesystem(
        "s3",
        key=s3["FSSPEC_S3_KEY"],
        secret=s3["FSSPEC_S3_SECRET"],
        client_kwargs={"endpoint_url": s3["FSSPEC_S3_ENDPOINT_URL"]},
        skip_instance_cache=True,
    )
    fs.mkdir(bucket)
    fs.pipe_file(f"{bucket}/{path}", content)


def native(*where: Path) -> list[bytes]:
    """What WALK says of each of the trees."""
    return [subprocess.run(["sh", "-c", WALK], cwd=place, capture_output=True, check=True).stdout for place in where]


@pytest.mark.parametrize("chain", ["zip::s3://bucket/some/where/data.zip", "zip://::s3://bucket/some/where/data.zip"])
def test_a_zip_of_s3_a_grow_tree_and_two_repositories(
    parrot: MakeParrot, twin: Site, real: Site, s3: dict[str, str], home: Path, chain: str
) -> None:
    zipped = write_tree(home / "zipped", {**ZIPPED, b"/big": (stat.S_IFREG, BIG)})
    put(s3, "bucket", "some/where/data.zip", Path(shutil.make_archive(str(home / "data"), "zip", zipped)).read_bytes())
    grown = write_tree(home / "grown", ZIPPED)
    export(os.fsencode(grown), Options())
    places.give_all(grown)
    plain = tree.twin_tree().plain
    run = parrot([twin.entry(tree.NAME), real.entry(BASIC)], ["-M", f"/data=fsspec+{chain}"])
    with Server({"/some/where": grown}) as server:
        grow = f"/grow/{server.url.partition('://')[2]}/some/where"
        walks = [f"cd {top} && {WALK}" for top in ("/data", grow, f"{tree.TOP}/names")]
        walks.append(" ".join([*walker(), str(truth(BASIC)), f"/cvmfs/{BASIC}"]))
        env = environment(home, {**s3, "MYVAR": "chosen"})
        told = run.run(["sh", "-c", " && echo next && ".join(walks)], env=env, timeout=120).expect()
        *trees, compared = told.stdout.split(b"next\n")
        assert trees == native(zipped, grown, plain / "names")
        assert b" 0 differences" in compared

        told = run.run(["cat", "/data/none"], env=env)
        assert b"No such file" in told.stderr, told
        told = run.run(["sh", "-c", "echo x >/data/big"], env=env)
        assert b"Read-only file system" in told.stderr, told
