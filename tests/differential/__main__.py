"""``python -m tests.differential``, which is bin/differ: see the package."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.differential.compare import compare
from tests.differential.generate import batch, sequence
from tests.differential.minimise import Finding, minimise
from tests.differential.sweep import Sweep
from tests.differential.worlds import Mode, Unavailable, Worlds
from tests.support import places

PER_BATCH = 150
MODES = (
    Mode(), Mode(), Mode(), Mode(cold=True), Mode(threads=4), Mode(seccomp=False), Mode(threads=4, cold=True),
)  # fmt: skip


class Search:
    """One job: runs batches until the time is over or enough was found."""

    def __init__(
        self, worlds: Worlds, first: int, until: float, most: int, modes: Sequence[Mode] = MODES,
        sweep: Sweep | None = None,
    ) -> None:  # fmt: skip
        self.worlds, self.first, self.until, self.most, self.modes = worlds, first, until, most, modes
        self.sweep = sweep
        self.findings: list[Finding] = []
        self.sequences = self.calls = self.unsteady = 0
        self.batches: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()

    def run(self) -> None:
        """Search."""
        while time.monotonic() < self.until and len(self.findings) < self.most:
            self.one_batch(self.first + self.sequences, self.modes[sum(self.batches.values()) % len(self.modes)])

    def _lines(self, number: int, mode: Mode) -> list[str]:
        if self.sweep is not None:
            return self.sweep.sequence(number)
        return sequence(number, alone=mode.threads == 1)

    def one_batch(self, first: int, mode: Mode, size: int = PER_BATCH) -> None:
        """The sequences *first* and following."""
        made = [(str(number), self._lines(number, mode)) for number in range(first, first + size)]
        text = batch(made)
        native, traced = self.worlds.native(text, mode), self.worlds.traced(text, mode)
        compared = compare(native, traced)
        self.batches[str(mode)] += 1
        self.sequences += size
        self.calls += compared.calls
        self.rules += compared.rules
        for trouble in (native.trouble, traced.trouble):
            if trouble:
                _show(f"# seeds {first}-{first + size - 1}, mode {mode}: trouble\n{trouble}")
                self.findings.append(Finding([], "", trouble, mode))
        for difference in compared.differences[: max(0, self.most - len(self.findings))]:
            before = f"# seed {difference.sequence}\n# native: {difference.native}\n# traced: {difference.traced}"
            found = minimise(self.worlds, made, difference.sequence, mode)
            if found is None:
                self.unsteady += 1
                _show(f"{before}\n# mode {mode}: not seen again")
            else:
                self.findings.append(found)
                _show(f"{before}\n{found.text()}")


def _show(text: str) -> None:
    print(text, flush=True)


def _search(options: argparse.Namespace) -> int:
    uid = 0 if options.root else places.job_uid()
    until = time.monotonic() + 60 * options.minutes
    worlds = [Worlds(str(job), uid) for job in range(options.jobs)]
    step = 10**9
    sweep = Sweep(root=options.root) if options.sweep else None
    modes = options.mode or [mode for mode in MODES if mode.threads == 1 or sweep is None]
    searches = [
        Search(world, options.seed + step * job, until, options.most, modes, sweep) for job, world in enumerate(worlds)
    ]
    try:
        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(Search.run, searches))
    finally:
        for world in worlds:
            world.close()
    found = sum(len(s.findings) for s in searches)
    rules: Counter[str] = sum((s.rules for s in searches), Counter())
    batches: Counter[str] = sum((s.batches for s in searches), Counter())
    _show(
        f"seed {options.seed}, uid {uid}: {sum(s.sequences for s in searches)} sequences, "
        f"{sum(s.calls for s in searches)} calls compared, {found} findings, "
        f"{sum(s.unsteady for s in searches)} seen once only"
    )
    _show(f"batches of {PER_BATCH}: " + ", ".join(f"{count} with {mode}" for mode, count in batches.most_common()))
    _show("excused: " + ", ".join(f"{name} {count}" for name, count in rules.most_common()))
    return 1 if found else 0


def _replay(options: argparse.Namespace) -> int:
    text = options.replay.read_text()
    modes = [line[7:] for line in text.splitlines() if line.startswith("# mode ")]
    mode = Mode.parse(modes[0]) if modes else Mode()
    batch_text = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))
    worlds = Worlds("replay", 0 if options.root else places.job_uid())
    try:
        native, traced = worlds.native(batch_text, mode), worlds.traced(batch_text, mode)
    finally:
        worlds.close()
    for name, lines in native.lines.items():
        _show(f"seq {name}")
        others = traced.lines.get(name, [])
        for number in range(max(len(lines), len(others))):
            one = lines[number] if number < len(lines) else "(nothing)"
            other = others[number] if number < len(others) else "(nothing)"
            _show(f"  {one}" if one == other else f"- {one}\n+ {other}")
    _show(native.trouble + traced.trouble)
    return 1 if compare(native, traced).differences else 0


def main() -> int:
    """The command; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="bin/differ", description="Compare random system calls with a mounted tree.")
    parser.add_argument("--minutes", type=float, default=1, help="how long to search (1)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9), help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="how many searches side by side (1)")
    parser.add_argument("--sweep", action="store_true", help="take the cases of sweep.py in turn, not random calls")
    parser.add_argument("--most", type=int, default=10, help="stop after so many findings (10)")
    parser.add_argument("--root", action="store_true", help="the calls are made by root, not by uid 65534")
    parser.add_argument(
        "--mode", type=Mode.parse, action="append", help="look in this mode only, as a finding names it (all in turn)"
    )
    parser.add_argument("--replay", type=Path, help="run the sequences of this file and show what both sides say")
    options = parser.parse_args()
    owns = places.open_base()
    try:
        return _replay(options) if options.replay else _search(options)
    except Unavailable as error:
        print(f"bin/differ: no mount namespace to compare with: {error}", file=sys.stderr)
        return 2
    finally:
        if owns and not os.environ.get("PARROT_TESTS_KEEP"):
            places.close_base()


if __name__ == "__main__":
    sys.exit(main())
