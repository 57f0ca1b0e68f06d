"""Show the results: a table for the terminal or for docs/performance.md, and everything as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from bench.measure import Result
from bench.tools import FREE, PINNED

HEAD = ("", "native", "parrot_py", "proot", "strace", "stops")


@dataclass
class Report:
    """One run of bin/bench."""

    results: list[Result] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)
    space: dict[str, tuple[int, int]] = field(default_factory=dict)
    figures: dict[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    big_mib: int = 0
    """Size of the big file."""

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [self._head(), ""]
        for group, results in groupby(self.results, key=lambda result: result.group):
            lines += [f"**{group}**", "", _line(HEAD), _line(["---"] * len(HEAD))]
            lines += [_line(_cells(result)) for result in results]
            lines.append("")
        lines += self._absolute()
        return "\n".join(lines)

    def text(self) -> str:
        """The table for a terminal: the same cells in columns."""
        lines = [self._head(), ""]
        for group, results in groupby(self.results, key=lambda result: result.group):
            lines.append(_columns((group, *HEAD[1:])))
            lines += [_columns(_cells(result)) for result in results]
            lines.append("")
        lines += self._absolute()
        return "\n".join(lines)

    def _head(self) -> str:
        return f"{machine()}; a / b is pinned to one CPU / not pinned; the big file has {self.big_mib} MiB"

    def _absolute(self) -> list[str]:
        lines = [f"- tracer's resident memory, {name}: {size:.1f} MiB" for name, size in self.memory.items()]
        for name, (growth, size) in self.space.items():
            lines.append(f"- job's address space, {name}: grew by {growth} KiB to {size} KiB")
        lines += [f"- {name}: {text}" for name, text in self.figures.items()]
        for result in self.results:
            lines += [f"- {result.name}: {value:.1f} {note}" for note, value in result.notes.items() if note != "stops"]
        troubles = [f"{result.group}, {result.name}: {line}" for result in self.results for line in result.troubles]
        return lines + [f"- not measured: {line}" for line in [*self.troubles, *troubles]]

    def json(self) -> dict[str, object]:
        """Everything that was measured, samples included."""
        rows = [
            {
                "name": result.name,
                "group": result.group,
                "unit": result.unit,
                "samples": {f"{tool}/{placement}": values for (tool, placement), values in result.samples.items()},
                "notes": result.notes,
                "troubles": result.troubles,
            }
            for result in self.results
        ]
        space = {name: {"growth_kib": growth, "size_kib": size} for name, (growth, size) in self.space.items()}
        return {
            "machine": machine(),
            "rows": rows,
            "tracer_rss_mib": self.memory,
            "job_vsize": space,
            "big": self.figures,
            "troubles": self.troubles,
        }


def machine() -> str:
    """One line about where this was measured."""
    described = dict(line.split(":", 1) for line in _read("/proc/cpuinfo").splitlines() if ":" in line)
    names = [text.strip() for name, text in described.items() if name.startswith("model name")]
    model = names[0] if names else platform.machine()
    load = os.getloadavg()[0]
    return f"{len(os.sched_getaffinity(0))} CPUs ({model}), Linux {platform.release()}, load {load:.1f} at the end"


def _read(path: str) -> str:
    return Path(path).read_text(errors="replace")


def _cells(result: Result) -> list[str]:
    native = [_time(value, result.unit) for place in (PINNED, FREE) if (value := result.median("native", place))]
    stops = result.notes.get("stops")
    return [
        result.name,
        " / ".join(native) or "-",
        *(_ratios(result, tool) for tool in HEAD[2:5]),
        "" if stops is None else f"{stops:.2f}",
    ]


def _ratios(result: Result, tool: str) -> str:
    ratios = [result.ratio(tool, place) for place in (PINNED, FREE)]
    shown = [f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.0f}x" for ratio in ratios if ratio is not None]
    return " / ".join(shown) or "-"


def _time(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 10 else f"{value:.2f} {unit}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _columns(cells: Sequence[str]) -> str:
    first, *rest = cells
    return f"{first:<28}" + "".join(f"{cell:>20}" for cell in rest)
