"""``bin/bench --cold``: a program of many small files that nobody has fetched yet, over a line of 30 ms round trip.

The program is Python: 400 modules in eight packages, each with a catalog of its own, and 300 files of data, some 31 MB
in all; it imports and reads everything.  The line is bench/link.py.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.site import ROOT, Trouble, checked

FQRN = "cold.parrot.local"
ROUND_TRIP = 0.030
RATES = {"no other limit": 0.0, "100 Mbit/s": 12.5e6}
PACKAGES, MODULES, DATA = 8, 50, 300
DATA_BYTES = 100_000
HERE = Path(__file__).resolve().parent
_MAIN = """import importlib, os, sys
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
total = 0
for package in range({packages}):
    for module in range({modules}):
        total += importlib.import_module(f"part{{package}}.module{{module:02}}").SIZE
print(total)
"""
_MODULE = """import os
HERE = os.path.dirname(__file__)
SIZE = {size}
for name in {names}:
    with open(os.path.join(HERE, name), "rb") as file:
        SIZE += len(file.read())
{padding}
"""


@dataclass
class Row:
    """What was measured: seconds, and the same over each line."""

    name: str
    seconds: dict[str, list[float]] = field(default_factory=dict)


class ColdSite:
    """The program as files, and as a repository."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.plain, self.web, self.keys = work / "cold", work / "cold-web", work / "cold-keys"
        self.list = work / "cold.access"

    def build(self) -> None:
        """Make the files and publish them."""
        source = random.Random(11)
        data = iter(range(DATA))
        for package in range(PACKAGES):
            place = self.plain / f"part{package}"
            place.mkdir(parents=True)
            (place / "__init__.py").touch()
            (place / ".cvmfscatalog").touch()
            for module in range(MODULES):
                names = [f"data{number:03}.bin" for number in (next(data, None),) if number is not None]
                for name in names:
                    (place / name).write_bytes(source.randbytes(DATA_BYTES))
                padding = f"# {source.randbytes(1500).hex()}"
                text = _MODULE.format(size=package * MODULES + module, names=names, padding=padding)
                (place / f"module{module:02}.py").write_text(text)
        (self.plain / "main.py").write_text(_MAIN.format(packages=PACKAGES, modules=MODULES))
        where = ["--source", str(self.plain), "--output", str(self.web), "--keys", str(self.keys)]
        checked([str(ROOT / "bin" / "parrot_publish"), "--name", FQRN, *where])

    def objects(self) -> list[Path]:
        """All that was stored, in an order of its own."""
        return sorted((self.web / FQRN / "data").glob("*/*"))

    @contextmanager
    def line(self, rate: float) -> Iterator[int]:
        """A server of the repository behind a line that takes *rate* bytes a second; its port."""
        whole = self.web / "whole"
        if not whole.exists():
            whole.write_bytes(b"".join(path.read_bytes() for path in self.objects()))
        command = [sys.executable, str(HERE / "link.py"), str(self.web), str(ROUND_TRIP), str(rate)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            try:
                yield int(server.stdout.readline())
            finally:
                server.stdin.close()

    def run(self, port: int, temp: str, *options: str) -> float:
        """Seconds of the program under parrot_run with the cache in *temp*."""
        repository = f"{FQRN}:pubkey={self.keys}/{FQRN}.pub,url=http://127.0.0.1:{port}/{FQRN}"
        began = time.perf_counter()
        words = [str(ROOT / "bin" / "parrot_run"), "-t", str(self.work / temp), "-r", repository, "-p", "", *options]
        out = checked([*words, "--", *_python(), f"/cvmfs/{FQRN}/main.py"])
        return self._right(out, time.perf_counter() - began)

    def native(self) -> float:
        """Seconds of the program on the plain files."""
        began = time.perf_counter()
        return self._right(checked([*_python(), str(self.plain / "main.py")]), time.perf_counter() - began)

    @staticmethod
    def _right(out: str, seconds: float) -> float:
        count = PACKAGES * MODULES
        if int(out) != count * (count - 1) // 2 + DATA * DATA_BYTES:
            raise Trouble(f"the program read something else: {out.strip()}")
        return seconds

    def alone(self, port: int, connections: int, targets: list[str]) -> float:
        """Seconds that *targets* need by themselves."""
        command = [sys.executable, str(HERE / "alone.py"), str(port), str(connections)]
        done = subprocess.run(command, input="\n".join(targets), capture_output=True, text=True, check=True)
        return float(done.stdout)


def _python() -> list[str]:
    return [next((p for p in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(p).exists()), "python3"), "-SEB"]


def measure(work: Path, rounds: int, progress: Callable[[str], None]) -> tuple[list[Row], str]:
    """All rows, and one line about what they are about."""
    site = ColdSite(work)
    progress("cold: preparing")
    site.build()
    targets = [f"/{path.relative_to(site.web)}" for path in site.objects()]
    table: dict[str, Row] = {}

    def note(name: str, limit: str, seconds: float) -> None:
        table.setdefault(name, Row(name)).seconds.setdefault(limit, []).append(seconds)

    for limit, rate in RATES.items():
        with site.line(rate) as port:
            for number in range(rounds):
                progress(f"cold: {limit}, round {number + 1} of {rounds}")
                temp = f"t{limit[:3].strip()}{number}"
                note("bytes alone, one stream", limit, site.alone(port, 1, ["/whole"]))
                note("bytes alone, 16 connections", limit, site.alone(port, 16, targets))
                if number == 0:
                    note("plain", limit, site.run(port, temp + "plain", "--record-access", str(site.list)))
                note("--prefetch", limit, site.run(port, temp + "ahead", "--prefetch", str(site.list)))
                note("warm", limit, site.run(port, temp + "ahead"))
                note("native", limit, site.native())
    size = sum(path.stat().st_size for path in site.objects()) / 1e6
    about = f"{len(targets)} objects, {size:.1f} MB as stored, round trip {ROUND_TRIP * 1e3:.0f} ms"
    return list(table.values()), about


def table(rows: list[Row], about: str, *, markdown: bool) -> str:
    """The rows as text: seconds, and how many times the bytes alone over 16 connections."""
    medians = {row.name: {limit: statistics.median(found) for limit, found in row.seconds.items()} for row in rows}
    alone = medians["bytes alone, 16 connections"]
    lines = [["", *RATES]]
    for name, values in medians.items():
        lines.append([name, *(f"{values[limit]:.2f} s ({values[limit] / alone[limit]:.1f}x)" for limit in RATES)])
    if not markdown:
        return "\n".join([about, *("".join(f"{cell:<30}" for cell in cells).rstrip() for cells in lines)])
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join([about, "", *("| " + " | ".join(cells) + " |" for cells in lines)])
