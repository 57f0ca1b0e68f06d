"""Jobs that are recorded, packed and run again somewhere else; and a repository that they use and that disappears."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish
from parrot_py.namelist import parse_names
from tests.support import places, sites
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment
from tests.support.programs import compile_c

NAME = "packed.parrot.test"
TOP = f"/cvmfs/{NAME}"

LIBRARY = "const char *word(void) { return WORD; }\n"
PROGRAM = """\
#include <stdio.h>
const char *word(void);
int main(int argc, char **argv)
{
    char line[64] = "";
    FILE *data = fopen(TOP "/data/number", "r");
    if (!data || !fgets(line, sizeof line, data))
        return 1;
    return printf("%s %s %s", word(), argc > 1 ? argv[1] : "-", line) > 0 ? 3 : 2;
}
"""
SCRIPT = f"""\
#!/usr/bin/env python3
import json, os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "{TOP}/python")
from words import greeting
print(json.dumps([greeting(), os.getcwd(), os.path.realpath(__file__), sys.argv[1:]]))
print(open("{TOP}/links/out").readline().split(":")[0], sorted(os.listdir("{TOP}/data")))
sys.exit(4)
"""


def _build(place: Path) -> None:
    plain = place / "plain"
    for name in ("bin", "lib", "data", "links", "python/words"):
        (plain / name).mkdir(parents=True)
    (place / "library.c").write_text(LIBRARY)
    (place / "program.c").write_text(PROGRAM)
    compile_c(place / "library.c", plain / "lib" / "libword.so", "-shared", "-fPIC", '-DWORD="hello"')
    options = (f'-DTOP="{TOP}"', "-Wl,--disable-new-dtags,-rpath,$ORIGIN/../lib", f"-L{plain / 'lib'}", "-lword")
    compile_c(place / "program.c", plain / "bin" / "hello", *options)
    # Its loader is that of the repository, which the kernel opens by itself.
    compile_c(place / "program.c", plain / "bin" / "own", *options, f"-Wl,--dynamic-linker={TOP}/lib/loader")
    loader = Path(os.path.realpath("/lib64/ld-linux-x86-64.so.2"))
    (plain / "lib" / "loader").write_bytes(loader.read_bytes())
    (plain / "lib" / "loader").chmod(0o755)
    (plain / "data" / "number").write_text("42\n")
    (plain / "data" / "big").write_bytes(bytes(1 << 20))
    (plain / "bin" / "greet.py").write_text(SCRIPT)
    (plain / "bin" / "greet.py").chmod(0o755)
    (plain / "python" / "words" / "__init__.py").write_text("def greeting():\n    return 'bonjour'\n")
    (plain / "links" / "hello").symlink_to("../bin/hello")
    (plain / "links" / "out").symlink_to("/etc/passwd")
    (plain / "links" / "chain").symlink_to(f"{TOP}/links/hello")
    publish(plain, place / "web", open_keys(place / "keys", NAME), PublishOptions())


@contextmanager
def repository() -> Iterator[str]:
    """What ``-r`` needs to know about the repository, which is served until the end."""
    place = places.once("packed", _build)
    with sites.made_site(place / "web", {NAME: place / "keys" / f"{NAME}.pub"}) as site:
        yield site.entry(NAME)


def command(name: str) -> list[str]:
    """The command that is ``parrot_package_<name>``."""
    python = places.launcher()[: -len(["-m", "parrot_py"])]
    if "-c" in python:
        pytest.skip("the checkout lies where the job's user cannot go")
    start = f"import sys; from parrot_py.packages.{name} import main; sys.exit(main())"
    return [*python, "-c", start]


class Packing:
    """One job of *run*: its lists are ``names`` and ``env`` in the home, what runs again has a tempdir of its own."""

    def __init__(self, run: Parrot) -> None:
        self.run = run
        self.home = run.home
        self.names = run.home / "names"
        self.env = run.home / "env"
        self.elsewhere = run.home / "elsewhere"

    def record(
        self, argv: Sequence[str | bytes], options: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run the job and write the lists."""
        for path in (self.names, self.env):
            path.unlink(missing_ok=True)
        recording = ["-n", str(self.names), "-e", str(self.env), *options]
        return self.run.run(argv, options=recording, env=env)

    def listed(self) -> dict[bytes, bool]:
        """The names of the list; whether with content."""
        return dict(parse_names(self.names.read_bytes(), "names"))

    def create(self, package: Path, *more: str | bytes) -> Outcome:
        """Make a package of the lists."""
        lists = ["-n", str(self.names), "-e", str(self.env)]
        where = [] if "-a" in more else ["-p", str(package)]
        listed = ["-r", self.run.repositories] if self.run.repositories else []
        return self._start([*command("create"), "-t", str(self.run.tempdir), *listed, *lists, *where, *more])

    def again(self, package: Path, argv: Sequence[str | bytes], *more: str | bytes) -> Outcome:
        """Run *argv* in the package, in another environment and directory."""
        env = environment(self.home, {"PATH": "/nonexistent", "EXTRA": "1"})
        words = [*command("run"), "-t", str(self.elsewhere), "-p", str(package), *more, *argv]
        return self._start(words, env, Path("/"))

    def _start(
        self, words: Sequence[str | bytes], env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Outcome:
        done = subprocess.run(
            words, check=False, env=dict(env or environment(self.home)), cwd=cwd or self.home, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=120, **places.as_job(),
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr, b"")
