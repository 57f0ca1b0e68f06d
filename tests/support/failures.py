"""A plugin of pytest for bin/test: the names of tests that fail, one JSON string a line, in the file FAILURES.

A test that took its worker process with it is among them: pytest-xdist reports it as failed.  What fails before any
test is begun has no line.
"""

from __future__ import annotations

import json
import os

import pytest

FAILURES = "PARROT_TESTS_FAILURES"


class Failures:
    """Notes each failure at once, in the file *path*: pytest itself may not come to its end."""

    def __init__(self, path: str) -> None:
        self._path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            with open(self._path, "a", encoding="ascii") as file:
                file.write(json.dumps(report.nodeid) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Take part, except in the workers of pytest-xdist, whose reports come to the process that started them."""
    path = os.environ.get(FAILURES)
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Failures(path))
