"""Build the demonstration repository from ``demo/tree`` into ``parrot_py/data/demo``.

The output depends on the sources alone, but for the keys, which are made anew (and forgotten) unless --keys names some,
and for the versions of the C compiler, of SQLite and of zlib.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.objects import ChunkSizes
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish
from parrot_py.errors import ParrotError

FQRN = "demo.parrot.local"
HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "parrot_py" / "data" / "demo"
#: 2026-11-22 00:00 UTC, the time of publication and of every file
EPOCH = 1795305600
YEARS = 50
LINKS = {
    "links/readme": "../README.md",
    "links/constants": "../modules/constants",
    "links/flavour": "../flavours/$(DEMO_FLAVOUR:-plain)",
    "links/tmp": "/tmp",
    "links/os-release": "/etc/os-release",
    "links/dangling": "nowhere/to/be/found",
}
OPTIONS = PublishOptions(
    chunk_sizes=ChunkSizes(16 << 10, 32 << 10, 64 << 10),
    whitelist_days=365.25 * YEARS,
    owner=(0, 0),
    fixed_mtime=EPOCH,
    now=EPOCH,
    meta={"description": "What works under parrot_run", "organisation": "parrot_py"},
)


def main(argv: list[str] | None = None) -> int:
    """Build it; answers the exit status."""
    parser = argparse.ArgumentParser(prog="build_demo", description="Build the demonstration repository.")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="use (or make) the keys in DIR instead of new ones")
    parser.add_argument("--output", type=Path, default=TARGET, metavar="DIR", help="default: %(default)s")
    arguments = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="parrot-demo-") as scratch:
            build(Path(scratch), arguments.output, arguments.keys or Path(scratch) / "keys")
    except (ParrotError, OSError, subprocess.CalledProcessError) as error:
        print(f"build_demo: {error}", file=sys.stderr)
        return 1
    print(f"built {arguments.output}")
    return 0


def build(scratch: Path, output: Path, keys: Path) -> None:
    """Make the repository in *scratch* and put it and its public key into *output*, in place of what was there."""
    tree = scratch / "tree"
    stage(tree)
    made = publish(tree, scratch / "www", open_keys(keys, FQRN), OPTIONS)
    if output.exists():
        shutil.rmtree(output)
    output.mkdir(parents=True)
    shutil.copytree(scratch / "www", output / "www", symlinks=True)
    shutil.copyfile(made.public_key, output / made.public_key.name)


def stage(tree: Path) -> None:
    """Fill *tree* with the sources and with what a git checkout cannot hold."""
    shutil.copytree(HERE / "tree", tree, ignore=shutil.ignore_patterns("__pycache__"))
    for link, target in LINKS.items():
        tree.joinpath(link).parent.mkdir(exist_ok=True)
        tree.joinpath(link).symlink_to(target)
    os.link(tree / "data/first", tree / "data/second")
    os.setxattr(tree / "data/labelled", "user.label", b"this is an extended attribute")
    tree.joinpath("data/numbers.txt").write_text("".join(f"{n} {n * n}\n" for n in range(12000)), encoding="ascii")
    compile_program(HERE / "hello.c", tree / "bin/hello")
    _describe(tree)
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def compile_program(source: Path, program: Path) -> None:
    """A static x86_64 program of a few KiB that needs no C library."""
    flags = (
        "-Wall -Wextra -Werror -static -nostdlib -Os -ffreestanding -fno-stack-protector "
        "-fno-asynchronous-unwind-tables -fcf-protection=none -Wl,--build-id=none,-z,noseparate-code,-s"
    )
    subprocess.run(["gcc", *flags.split(), "-o", str(program), str(source)], check=True)


def _describe(tree: Path) -> None:
    """Write ``data/listing`` (every path) and ``SHA256SUMS`` (every regular file but itself)."""
    sums, listing = tree / "SHA256SUMS", tree / "data/listing"
    sums.touch()
    listing.touch()
    paths = sorted(tree.rglob("*"))
    listing.write_text("".join(f"{name}\n" for name in [".", *(f"./{path.relative_to(tree)}" for path in paths)]))
    files = [path for path in paths if path.is_file() and not path.is_symlink() and path != sums]
    sums.write_text(
        "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in files)
    )


if __name__ == "__main__":
    sys.exit(main())
