"""A short run of every fuzzing target: the corpus, simple mutations of it, and a little atheris where it is there."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.limits import bounded
from tests.fuzz.mutate import mutants
from tests.fuzz.target import CORPUS, NAMES, corpus, load

MUTANTS, SECONDS = 300, 3.0
_LARGEST = 300_000


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """What is refused is a line in the log each time."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", NAMES)
def test_the_corpus_and_what_is_like_it(name: str) -> None:
    target = load(name)
    check = bounded(target.check)
    inputs = [path.read_bytes() for path in corpus(name)]
    assert inputs
    for data in inputs:
        assert len(data) <= target.longest
        check(data)
    until = time.process_time() + SECONDS
    for data in mutants(target, inputs, MUTANTS):
        check(data)
        if time.process_time() > until:
            break


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < _LARGEST


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris (the extra 'fuzz')")
@pytest.mark.parametrize("name", ["catalog", "manifest"])
def test_the_command_runs_atheris(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz", name, "--runs", "200", "--found", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "INITED cov:" in done.stderr
