"""Go programs bring their own system calls: of i386 by int 0x80, from threads that nobody but them knows of."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.programs import I386, SOURCES, cannot_run
from tests.twins.conftest import Twins

pytestmark = pytest.mark.slow  # the compiler makes its library first


def go_program(architecture: str, home: Path) -> Path:
    """The compiled ``library.go``."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    fixed = {"CGO_ENABLED": "0", "GO111MODULE": "off", "GOARCH": architecture, "GOFLAGS": "", "HOME": str(home)}
    environment = {**os.environ, **fixed, "GOCACHE": str(home / "go-cache")}

    def build(output: Path) -> None:
        command = ["go", "build", "-o", str(output), str(SOURCES / "library.go")]
        subprocess.run(command, env=environment, check=True, cwd="/", timeout=600)

    return places.once(f"go-{architecture}", build)


@pytest.mark.parametrize("architecture", ["amd64", "386"])
def test_go(twins: Twins, home: Path, architecture: str) -> None:
    if architecture == "386" and (reason := cannot_run(*I386)):
        pytest.skip(reason)
    told = twins.check([str(go_program(architecture, home)), tree.TOP, f"{tree.TOP}/big.bin"], timeout=300)
    assert b"[" + b" ".join([b"%d" % (50 * 3000001)] * 16) + b"]" in told.stdout
