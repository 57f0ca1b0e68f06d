"""The set-up program behind the front ends: choose a place and a Python, build, print the place.

Runs only when bin/_setup.sh found no finished set-up.  stdout: the set-up directory, one line.  Status 1 and one
message on stderr when nothing worked.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from helpers.builder import EXTRAS, Builder
from helpers.pythons import candidates, probe
from helpers.say import SetupError, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the set-up and print where it is; the exit status."""
    parser = argparse.ArgumentParser(prog="parrot_py set-up")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--want", choices=sorted(EXTRAS), required=True)
    parser.add_argument("places", nargs="+")
    options = parser.parse_args(arguments)
    os.umask(0o022)  # a set-up made by root is there for all users, whatever root's umask is
    try:
        directory = choose_place([Path(place) for place in options.places if place])
        with locked(directory.with_name(directory.name + ".lock")):
            make(Builder(options.root, directory, options.key), options.want)
    except SetupError as error:
        say(f"set-up failed: {error} [PP902]")
        return 1
    except KeyboardInterrupt:
        say("set-up interrupted; the next start begins it anew")
        return 130
    print(directory)
    return 0


def make(builder: Builder, want: str) -> None:
    """Finish the set-up, with the first Python that can carry it."""
    if builder.finished(want):
        return  # another process was faster while we waited for the lock
    pythons = candidates()
    current = probe(builder.python) if builder.reusable() else None
    if current is not None:
        pythons.insert(0, current)
    if not pythons:
        raise SetupError("no complete Python 3.9 or newer found; install one (Debian: apt-get install python3)")
    for number, python in enumerate(pythons, start=1):
        try:
            builder.prepare(python, [other for other in pythons if other is not python])
            break
        except SetupError as error:
            if number == len(pythons):
                raise
            say(f"{python} does not do: {error}")
    builder.complete(want)
    say("ready")


def choose_place(places: Sequence[Path]) -> Path:
    """The checkout's own place when the caller may write it, else the first of the caller's own that can be made."""
    checkout, *own = places
    if os.access(checkout if checkout.exists() else checkout.parent, os.W_OK):
        return checkout
    reasons = [f"{checkout.parent}: not writable"]
    for place in own:
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = place.parent.lstat()
        except OSError as error:
            reasons.append(f"{place.parent}: {error.strerror}")
            continue
        if found.st_uid == os.geteuid() and stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022:
            return place
        reasons.append(f"{place.parent}: not a directory of this user alone")
    raise SetupError("no place for the set-up: " + "; ".join(reasons))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file *path*; the kernel releases it however this process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for the set-up that another process makes")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            # Some network file systems have no locks; two first starts at one moment are rarer than such systems.
            say(f"{path}: no lock ({error.strerror}); going on without")
        yield
    finally:
        os.close(descriptor)
