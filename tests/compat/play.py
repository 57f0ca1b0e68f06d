"""Play scenes by hand: compare, repeat, disturb, measure.

    python -m tests.compat.play [-k TEXT] [--rounds N] [--cold] [--no-seccomp] [--load] [--markdown] [--show]

Each round plays a scene natively and under parrot_run and compares what both said.  The table at the end has, for each
scene, the best native time, the ratio of the best times, and the stops of the last run by the engine's own counters.
"""

from __future__ import annotations

import argparse
import compileall
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Callable

from tests.support import places
from tests.support.outcome import Outcome, difference
from tests.support.stage import Scene, Stage, families, scenes, stage

HEADING = ("", "| scene | native | under parrot_run | stops | extra | in Python |", "|---|---|---|---|---|---|")
BUSY = "while :; do for i in 1 2 3 4 5 6 7 8 9; do /bin/true; done; ls -lR /usr/share/doc >/dev/null; done"


def timed(play: Callable[[], Outcome]) -> tuple[Outcome, float]:
    """What came of it, and the seconds it took."""
    started = time.monotonic()
    outcome = play()
    return outcome, time.monotonic() - started


def one(scene: Scene, on: Stage, options: argparse.Namespace) -> tuple[int, str]:
    """All rounds of one scene: how many went wrong, and its line of the table."""
    native_times, parrot_times, wrong = [], [], 0
    extra = ["--stats", *(["--no-seccomp"] if options.no_seccomp else [])]
    for number in range(options.rounds):
        native, seconds = timed(lambda: on.native(scene))
        native_times.append(seconds)
        if options.show and not number:
            print(native)
        parrot, seconds = timed(lambda: on.under_parrot(scene, extra, cold=options.cold))
        parrot_times.append(seconds)
        quiet = parrot._replace(log=b"\n".join(line for line in parrot.log.splitlines() if b"stats:" not in line))
        told = difference(native, quiet)
        if told or quiet.log:
            wrong += bool(told)
            print(f"== {scene.family}: {scene.name}, round {number}\n{told or quiet.log.decode()}", flush=True)
    stats = on.parrot.stats()
    ratio = min(parrot_times) / min(native_times)
    counters = f"{stats.get('stops', 0):,} | {stats.get('extra', 0):,} | {stats.get('python', 0):,}"
    return wrong, f"| {scene.family}: {scene.name} | {min(native_times):.2f} s | {ratio:.2f}x | {counters} |"


@contextmanager
def load(wanted: bool) -> Iterator[None]:
    """Something else that makes processes and reads directories all the time."""
    if not wanted:
        yield
        return
    with subprocess.Popen(["/bin/sh", "-c", BUSY], start_new_session=True, **places.as_job()) as busy:
        try:
            yield
        finally:
            os.killpg(busy.pid, 9)


def play(options: argparse.Namespace) -> int:
    """All scenes that were asked for; how many rounds went wrong."""
    lines, wrong = [], 0
    for family in families():
        chosen = [s for s in scenes(family) if options.k in f"{family}: {s.name}"]
        if not chosen:
            continue
        with stage(family) as on, load(options.load):
            for scene in chosen:
                if scene.missing():
                    print(f"== {family}: {scene.name}: {scene.missing()}")
                    continue
                failed, line = one(scene, on, options)
                wrong += failed
                lines.append(line)
                print(line, flush=True)
    print("\n".join([*HEADING, *lines]))
    return wrong


def main(arguments: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="play", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-k", default="", help="only scenes whose 'family: name' contains this")
    parser.add_argument("--rounds", type=int, default=1)
    for flag in ("cold", "no-seccomp", "load", "show"):
        parser.add_argument(f"--{flag}", action="store_true")
    compileall.compile_dir(places.CHECKOUT / "parrot_py", quiet=2)  # as an installed one is
    owns = places.open_base()
    try:
        return 1 if play(parser.parse_args(arguments)) else 0
    finally:
        if owns:
            places.close_base()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
