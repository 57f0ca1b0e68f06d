"""Python.h for a Python that came without it, and a C compiler, both without root and without touching the system."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from helpers.pythons import Python
from helpers.say import SetupError, run, say


def compiler_settings(python: Python) -> dict[str, str]:
    """CC for setuptools when the compiler that *python* was built with is not here; raise when there is none at all."""
    if "CC" in os.environ or shutil.which(python.compiler.split()[0]):
        return {}
    for name in ("cc", "gcc", "clang"):
        found = shutil.which(name)
        if found:
            return {"CC": found}
    raise SetupError("no C compiler found (cc, gcc or clang); install one (Debian: apt-get install gcc libc6-dev)")


def include_settings(python: Python, others: Sequence[Python], keep: Path) -> dict[str, str]:
    """CFLAGS under which Python.h is found; {} when *python* has its own headers.

    In this order: Debian's package of exactly these headers, unpacked into *keep*; the headers of another Python of
    this machine, which is sound because the engine uses the limited API only.
    """
    if python.has_headers:
        return {}
    problem = "they are not a Debian package"
    if python.executable.startswith("/usr/bin/") and shutil.which("apt-get") and shutil.which("dpkg-deb"):
        try:
            return _cflags(_debian_headers(python, keep))
        except SetupError as error:
            problem = str(error)
    for other in others:
        if other.has_headers:
            say(f"using the C headers of {other}")
            return _cflags([other.include])
    version = f"{python.version[0]}.{python.version[1]}"
    raise SetupError(
        f"the C headers of {python} are missing (Python.h; install python{version}-dev or python3-devel): {problem}"
    )


def _cflags(directories: Sequence[object]) -> dict[str, str]:
    given = os.environ.get("CFLAGS", "")
    return {"CFLAGS": " ".join([*(f"-I{directory}" for directory in directories), given]).strip()}


def _debian_headers(python: Python, keep: Path) -> list[Path]:
    """Download libpython3.X-dev with the caller's rights and unpack it below *keep*; return its include directories."""
    version = f"python{python.version[0]}.{python.version[1]}"
    include = keep / "usr" / "include"
    if not (include / version / "Python.h").is_file():
        say(f"fetching the C headers of {python}")
        shutil.rmtree(keep, ignore_errors=True)
        keep.mkdir(parents=True)
        with tempfile.TemporaryDirectory(prefix="parrot_py-apt-") as scratch:
            _download(f"lib{version}-dev", Path(scratch), keep)
    return [include / version, include]


def _download(package: str, scratch: Path, keep: Path) -> None:
    """Get *package* as it is known to apt; with a private package list when the system's list does not know it."""
    lists = scratch / "lists"
    (lists / "partial").mkdir(parents=True)
    # apt drops from root to its own user, who can't write into our directory; the lists are signed all the same.
    private = ["-o", "APT::Sandbox::User=root", "-o", f"Dir::Cache={scratch}"]
    own_lists = [*private, "-o", f"Dir::State::Lists={lists}"]
    try:
        run(f"apt-get download {package}", ["apt-get", "-q", *private, "download", package], cwd=scratch)
    except SetupError:
        run("apt-get update", ["apt-get", "-q", *own_lists, "update"], cwd=scratch)
        run(f"apt-get download {package}", ["apt-get", "-q", *own_lists, "download", package], cwd=scratch)
    for archive in scratch.glob("*.deb"):
        run(f"unpacking {package}", ["dpkg-deb", "-x", str(archive), str(keep)], cwd=scratch)
