"""``parrot_run --doctor``: what a run needs of this machine, probe by probe, with the remedy for what is missing.

A probe tries the thing itself wherever that harms nobody; it asks no server (``parrot_cvmfs probe`` does).
"""

from __future__ import annotations

from collections.abc import Iterator

from parrot_py.caller import Given, say
from parrot_py.codes import tagged
from parrot_py.config.model import RunConfig
from parrot_py.doctor import host, limits, places, trial
from parrot_py.doctor.finding import BAD, GOOD, NOTE, POOR, Finding

__all__ = ["BAD", "GOOD", "NOTE", "POOR", "Finding", "examine", "report"]

_SIGNS = {GOOD: "ok", NOTE: "--", POOR: "!!", BAD: "XX"}


def examine(config: RunConfig, given: Given) -> Iterator[Finding]:
    """All probes, each when it is asked for."""
    yield from host.probes()
    yield from limits.probes(given)
    yield from places.probes(config)
    yield from trial.probes(config, given)


def report(config: RunConfig, given: Given) -> int:
    """Print every finding; 0 when jobs can run here, even if slowly or without some programs, else 1."""
    worst = GOOD
    for finding in examine(config, given):
        worst = max(worst, finding.state)
        remedy = f"{'':<27}remedy: {finding.remedy}\n" if finding.remedy else ""
        text = tagged(finding.text, finding.code) if finding.code else finding.text
        if not say(f"{_SIGNS[finding.state]}  {finding.name:<22} {text}\n{remedy}"):
            return 1
    verdict = {
        BAD: "parrot_run cannot run jobs here: see XX above.",
        POOR: "parrot_run works here, with the restrictions marked !! above.",
    }.get(worst, "parrot_run works here.")
    return 1 if not say(f"\n{verdict}\n") or worst == BAD else 0
