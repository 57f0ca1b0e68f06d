"""The program behind bin/bench."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench import cold
from bench.big import BigSite
from bench.counters import address_space_kib, memory_rows
from bench.report import Report
from bench.rows import Setting, rows
from bench.site import Site, Trouble
from bench.tools import available, path_for

DESCRIPTION = """\
Measure what parrot_py costs: native against parrot_py, and proot and strace where they are installed, alternating in
one run.  Times of native, ratios of the others; "a / b" is pinned to one CPU / not pinned.  Rows that fail say why.
docs/performance.md explains each row."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench", description=DESCRIPTION)
    parser.add_argument("-k", default="", metavar="TEXT", help="only rows whose 'group: name' contains TEXT")
    parser.add_argument("--list", action="store_true", help="only list the rows")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, 64 MiB instead of 1 GiB")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each row (5; --quick: 2)")
    parser.add_argument("--cold", action="store_true", help="only the cold start of a program over a long line")
    parser.add_argument("--installed", metavar="FILE", help="the parrot_run of an installed wheel, for its start")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep all samples")
    parser.add_argument("--markdown", action="store_true", help="the table as docs/performance.md has it")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where to make the files, 3 GiB (default: temporary)")
    return parser.parse_args()


def main() -> int:
    """Run what the options ask for; 0 unless nothing at all could be measured."""
    options = _options()
    chosen = [row for row in rows() if options.k in f"{row.group}: {row.name}"]
    if options.list:
        for row in rows():
            print(f"{row.group}: {row.name}")
        print("memory: tracer\nmemory: address space")
        for name in BigSite(Path()).figures():
            print(f"big: {name}")
        return 0
    if options.cold:
        return _cold(options)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="parrot_py-bench-", dir=options.work) as work:
        report.big_mib = 64 if options.quick else 1024
        site = Site(Path(work), report.big_mib)
        try:
            _progress("preparing")
            site.build()
            site.publish()
        except Trouble as trouble:
            report.troubles.append(f"no repository: {trouble}")
        tools, missing = available(site)
        report.troubles += missing
        quick = options.quick
        rounds = options.rounds or (2 if quick else 5)
        work_done = (50, 30, 10_000) if quick else (200, 300, 100_000)
        setting = Setting(site, tools, rounds, *work_done, options.installed)
        for number, row in enumerate(chosen, start=1):
            _progress(f"{number}/{len(chosen)} {row.group}: {row.name}")
            report.results.append(row.run(setting))
        if options.k in "memory: tracer" and any(tool.name == "parrot_py" for tool in tools):
            _memory(report, site)
        if options.k in "memory: address space":
            _space(report, setting)
        _big(report, Path(work), options.k)
    _progress("")
    print(report.markdown() if options.markdown else report.text())
    if options.json:
        options.json.write_text(json.dumps(report.json(), indent=1) + "\n")
    return (
        0 if any(result.samples for result in report.results) or report.memory or report.space or report.figures else 1
    )


def _cold(options: argparse.Namespace) -> int:
    """The table of --cold, with a work directory of its own."""
    with tempfile.TemporaryDirectory(prefix="parrot_py-cold-", dir=options.work) as work:
        try:
            found, about = cold.measure(Path(work), options.rounds or (1 if options.quick else 3), _progress)
        except Trouble as trouble:
            print(f"not measured: {trouble}", file=sys.stderr)
            return 1
    _progress("")
    print(cold.table(found, about, markdown=options.markdown))
    if options.json:
        options.json.write_text(json.dumps({row.name: row.seconds for row in found}, indent=1) + "\n")
    return 0


def _memory(report: Report, site: Site) -> None:
    for name, measure in memory_rows(site).items():
        _progress(f"memory: {name}")
        try:
            report.memory[name] = measure()
        except Trouble as trouble:
            report.troubles.append(f"tracer's memory, {name}: {trouble}")


def _big(report: Report, work: Path, text: str) -> None:
    for name, measure in BigSite(work).figures().items():
        if text not in f"big: {name}":
            continue
        _progress(f"big: {name}")
        try:
            report.figures[name] = measure()
        except (Trouble, OSError, ValueError) as trouble:
            report.troubles.append(f"{name}: {trouble}")


def _space(report: Report, setting: Setting) -> None:
    site = setting.site
    for tool in setting.tools:
        path = path_for(tool, site, site.plain / "small", True)
        if path is None:
            continue
        name = f"{tool.name}, after {setting.churns:,} times mmap and munmap"
        _progress(f"memory: {name}")
        try:
            report.space[name] = address_space_kib(site, tool, path, setting.churns)
        except (Trouble, ValueError) as trouble:
            report.troubles.append(f"{name}: {trouble}")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:78]}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)
