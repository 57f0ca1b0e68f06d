"""Many threads, a bad network: every answer is right or EIO, and nobody waits for ever."""

from __future__ import annotations

import errno
import hashlib
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import WouldBlock, nonblocking
from parrot_py.drivers.cvmfs import Repository
from tests.drivers.cvmfs.conftest import Site
from tests.drivers.cvmfs.truth import SHAKE, load_truth
from tests.support.httpd import Fault

Open = Callable[[RepositoryConfig], Repository]


class Weather:
    """Makes about one answer in five bad, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def __call__(self) -> Fault:
        kinds = [Fault(flip=9), Fault(truncate=9), Fault(drop=True), Fault(status=503), Fault(status=404, body=b"")]
        return self._chance.choice(kinds) if self._chance.random() < 0.2 else Fault()


@pytest.mark.parametrize("seed", [1, 2])
def test_right_or_eio(site: Site, real: Path, opened: Open, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    weather, note = Weather(seed), site.server.note

    def noted(path: str, headers: dict[str, str], target: str, method: str) -> Fault:
        note(path, headers, target, method)
        return weather()

    monkeypatch.setattr(site.server, "note", noted)
    config = site.config(SHAKE, backoff_init=0.001, backoff_max=0.004, max_retries=0)
    repositories = [opened(config), opened(config._replace(cache_dir=site.cache))]
    truth = {p: f for p, f in load_truth(real / SHAKE, SHAKE, "").items() if f["type"] == "file"}
    counts: Counter[str] = Counter()

    def one(path: bytes, chance: random.Random) -> None:
        repository = chance.choice(repositories)
        try:
            try:
                with nonblocking():
                    local = repository.materialise(repository.lookup(path))
            except WouldBlock:
                local = repository.materialise(repository.lookup(path))
        except OSError as error:
            assert error.errno == errno.EIO  # noqa: PT017
            counts["EIO"] += 1
            return
        with open(local, "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == truth[path]["sha256"]
        counts["right"] += 1

    def many(number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        for path in chance.choices(list(truth), k=60):
            one(path, chance)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(many, number) for number in range(8)]:
            future.result(120)
    assert counts["right"] > 100
    assert counts["right"] + counts["EIO"] == 480
    assert list((site.cache / "txn").iterdir()) == []
