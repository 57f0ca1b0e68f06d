"""Tests that failed are run once more, alone: what passes then is unsteady, which is told but is no failure.

The suite has thousands of tests with real processes, servers and signals, on machines that do other things meanwhile.
One of them that depends on who is faster says nothing about a change, but would keep it from landing.  CPython's own
tests do the same (``--rerun``).  It is no excuse: each test of the list has a defect, or has found one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from helpers.pytests import FAILED, PASSED, Result

MOST_UNSTEADY = 3
"""With more of them than this something is wrong, and not with the tests."""

Run = Callable[[str, Sequence[str]], Result]
"""Runs pytest under a heading, with arguments."""


def only_unsteady(results: Sequence[Result], run: Run) -> list[str]:
    """Run again what failed in *results*; the names of these tests if all that was wrong is that they are unsteady.

    Empty if anything else was wrong: a test that fails alone, too (or is skipped then, or not found), more than
    MOST_UNSTEADY, or a run of pytest that did not come to its end.
    """
    bad = [result for result in results if not result.good]
    names = list(dict.fromkeys(name for result in bad for name in result.failures))
    if not bad or any(result.status != FAILED or not result.failures for result in bad):
        return []
    if len(names) > MOST_UNSTEADY:
        print(f"bin/test: {len(names)} tests failed, which is too many to be by chance: none is run again")
        return []
    result = run("tests that failed, again and alone", names)
    proven = result.status == PASSED and not result.absent and result.counts["failed"] == 0
    return names if proven else []


def tell(names: Sequence[str]) -> None:
    """The list at the end of the output, where nobody misses it."""
    print(f"== unsteady tests: {len(names)} failed, and passed when run again alone; why they failed, see above")
    for name in names:
        print(f"UNSTEADY {name}")
