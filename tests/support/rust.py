"""A Rust toolchain that the job's user may start, if root has one in its home."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support import places

PARTS = ("bin/rustc", "bin/cargo", "lib", "etc")
TOOLCHAINS = Path("/root/.rustup/toolchains")


def _share(place: Path) -> None:
    """Copies of what compiling needs, documentation left out."""
    source = sorted(TOOLCHAINS.glob("stable-x86_64*"))[-1]
    for part in PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, place / part, symlinks=True)
        elif (source / part).exists():
            (place / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / part, place / part)


def directory() -> str:
    """Where the job's user finds rustc and cargo; empty where only the ordinary PATH may have them."""
    try:
        found = places.is_root() and list(TOOLCHAINS.glob("stable-x86_64*/bin/rustc"))
    except OSError:
        return ""
    return str(places.once("rust", _share) / "bin") if found else ""
