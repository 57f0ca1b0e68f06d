"""One run of pytest: how it ended, how many tests passed, failed or were skipped, and which of them failed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PASSED, FAILED, NOTHING_SELECTED = 0, 1, 5
PLUGIN, VARIABLE = "tests.support.failures", "PARROT_TESTS_FAILURES"
"""What writes the names of tests that fail, and where it finds the name of the file."""


@dataclass
class Result:
    """*failures* are the names of tests that failed, each once; what failed outside any test has none."""

    status: int
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("passed", "failed", "skipped"), 0))
    failures: list[str] = field(default_factory=list)
    absent: int = 0
    """How many of those that were skipped are not among what is expected to fail (xfail)."""

    @property
    def good(self) -> bool:
        """Whether nothing failed, if only because nothing was selected."""
        return self.status in (PASSED, NOTHING_SELECTED)


def read(status: int, report: Path, failures: Path) -> Result:
    """What a run that ended with *status* left in its files; an error while setting up or collecting is a failure."""
    result = Result(status, failures=list(_names(failures)))
    if not report.exists():
        result.counts["failed"] += not result.good  # pytest itself did not come to its end
        return result
    tree = ET.parse(report).getroot()
    for suite in tree.iter("testsuite"):
        numbers = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
        failed = numbers["failures"] + numbers["errors"]
        result.counts["failed"] += failed
        result.counts["skipped"] += numbers["skipped"]
        result.counts["passed"] += max(0, numbers["tests"] - failed - numbers["skipped"])
    result.absent = sum(skipped.get("type") != "pytest.xfail" for skipped in tree.iter("skipped"))
    return result


def _names(failures: Path) -> Iterator[str]:
    lines = failures.read_text("ascii").splitlines() if failures.exists() else []
    yield from dict.fromkeys(json.loads(line) for line in lines)
