"""bin/bench's own arithmetic: alternation, ratios, counters, and that one failing side spoils nothing."""

from __future__ import annotations

from bench.counters import COUNTER
from bench.measure import Result, alternate
from bench.report import Report
from bench.rows import rows
from bench.site import Trouble
from bench.tools import FREE, PINNED, Tool

NATIVE, PARROT, BROKEN = Tool("native", (), False), Tool("parrot_py", (), True), Tool("proot", (), True)


def sample(tool: Tool, placement: str) -> float:
    if tool is BROKEN:
        raise Trouble("no ptrace")
    return {"native": 100.0, "parrot_py": 250.0}[tool.name] * (2 if placement == FREE else 1)


def test_ratios_are_taken_within_one_placement() -> None:
    result = Result("stat", "calls", "ns")
    alternate(result, [NATIVE, PARROT], (PINNED, FREE), 3, sample)
    assert result.ratio("parrot_py", PINNED) == result.ratio("parrot_py", FREE) == 2.5
    assert all(len(samples) == 3 for samples in result.samples.values())


def test_a_side_that_fails_is_told_once_and_left_out() -> None:
    result = Result("stat", "calls", "ns")
    alternate(result, [NATIVE, BROKEN], (FREE,), 3, sample)
    assert result.ratio("proot", FREE) is None
    assert result.troubles == ["proot, free: no ptrace"]
    report = Report(results=[result])
    assert "not measured: calls, stat: proot, free: no ptrace" in report.text()
    assert "| stat | 200 ns | - | - | - |  |" in report.markdown()


def test_counters_are_read_from_any_log_line() -> None:
    log = "2026/11/23 00:45:39 parrot_run[1] notice: stats: stops.newfstatat 123\nstats: stops 456\n"
    assert dict(COUNTER.findall(log)) == {"stops.newfstatat": "123", "stops": "456"}


def test_every_row_has_a_name_of_its_own() -> None:
    names = [(row.group, row.name) for row in rows()]
    assert len(names) == len(set(names))
