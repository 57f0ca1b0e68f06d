"""CPython's own tests (``python3 -m test``), run on one side of a comparison, and their verdicts by test case."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

PYTHON = Path("/usr/bin/python3.11")
LIBRARY = Path("/usr/lib/python3.11")
PACKAGE = "libpython3.11-testsuite"
RESOURCES = "cpu,subprocess"

Verdicts = dict[str, tuple[str, ...]]
Side = Callable[[Sequence[str], Path], str]
"""Runs a command from a directory that is its own, and says how it ended and what it said."""


def missing() -> str | None:
    """Why the tests cannot be run here; ``None`` when they can."""
    if not PYTHON.exists():
        return f"there is no {PYTHON}"
    return None if (LIBRARY / "test" / "regrtest.py").exists() else f"{PACKAGE} is not installed"


class Module:
    """One of the test modules, run by *python* on two sides and compared case by case."""

    def __init__(self, name: str, home: Path, native: Side, parrot: Side, python: str = str(PYTHON)) -> None:
        self.name, self.home, self.python = name, home, python
        self.sides = {"native": native, "parrot": parrot}

    def verdicts(self, side: str, cases: Sequence[str] = ()) -> Verdicts:
        """What the module's test cases (or only *cases*) come to: passed, failed, skipped; several for one with parts.

        Raises AssertionError when the run did not come to its end.
        """
        place = self.home / "w"  # the same for both: the length of a name matters to sockets
        report = place / "report.xml"
        report.unlink(missing_ok=True)
        chosen = [word for case in cases for word in ("-m", case)]
        options = ["-v", "-u", RESOURCES, "--junit-xml", str(report), "--tempdir", str(place)]
        told = self.sides[side]([self.python, "-m", "test", *options, *chosen, self.name], place)
        assert report.exists(), f"{self.name} did not end by itself ({side})\n{told[-6000:]}"
        return read_report(report)

    def differences(self) -> dict[str, tuple[object, object]]:
        """The cases that the two sides judge differently, each with both verdicts.

        A case that differs is run again, alone, on both sides: tests that measure time fail on a busy machine.
        """
        native, parrot = self.verdicts("native"), self.verdicts("parrot")
        assert native, f"{self.name} has no test cases: it was not run"
        differing = {case for case in native.keys() | parrot.keys() if native.get(case) != parrot.get(case)}
        found: dict[str, tuple[object, object]] = {}
        for case in sorted(differing):
            again = [self.verdicts(side, [case]).get(case) for side in ("native", "parrot")]
            if again[0] != again[1]:
                found[case] = (again[0], again[1])
        return found


def read_report(report: Path) -> Verdicts:
    """The verdicts in a file that ``--junit-xml`` wrote.  Reasons are left out: they hold times and process ids."""
    found: dict[str, list[str]] = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        name = re.sub(r"\(.*", "", case.get("name", "")).strip()
        found.setdefault(name, []).append(kinds[0] if kinds else "passed")
    return {name: tuple(sorted(kinds)) for name, kinds in found.items()}
