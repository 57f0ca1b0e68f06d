"""New revisions, and collections of old ones, while clients read."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.publish.gc import Keep, collect_garbage
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish
from parrot_py.drivers.cvmfs.publish.verify import verify
from tests.drivers.test_publish import FQRN, NOW
from tests.support.processes import eventually

OPTIONS = PublishOptions(now=NOW, whitelist_days=36525, garbage_collectable=True, ttl=1)
REVISIONS = 4


def write(source: Path, number: int) -> None:
    """A tree in which everything says *number*; with a nested catalog that is one in every second revision."""
    for place in ("top", "nested/in", "nested/deep/in"):
        source.joinpath(place).parent.mkdir(parents=True, exist_ok=True)
        source.joinpath(place).write_text(str(number))
    marker = source / "nested/.cvmfscatalog"
    marker.touch() if number % 2 else marker.unlink(missing_ok=True)


def test_clients_go_from_revision_to_revision(
    tmp_path: Path, repository_keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrot_py.drivers.cvmfs.revisions.LEAST_TTL", 0.05)
    source, web = tmp_path / "source", tmp_path / "web"
    write(source, 1)
    done = publish(source, web, repository_keys, OPTIONS)
    stop = threading.Event()
    trouble: list[BaseException] = []
    seen: list[list[int]] = [[], [], []]

    with Repository.open(done.repository.as_uri(), key=done.public_key, cache_dir=tmp_path / "cache") as repository:

        def read(numbers: list[int]) -> None:
            try:
                while not stop.is_set():
                    for place in ("/top", "/nested/in", "/nested/deep/in"):
                        numbers.append(int(repository.read(place)))
            except BaseException as error:  # noqa: BLE001 - the test raises it
                trouble.append(error)

        readers = [threading.Thread(target=read, args=(numbers,)) for numbers in seen]
        for reader in readers:
            reader.start()
        try:
            for number in range(2, REVISIONS + 1):
                write(source, number)
                publish(source, web, repository_keys, replace(OPTIONS, now=NOW + number))
                repository.revisions.renew()
                eventually(lambda number=number: bool(trouble) or all(number in numbers for numbers in seen))  # type: ignore[misc]
                collect_garbage(web, repository_keys, Keep(revisions=1, grace=0), OPTIONS)
        finally:
            stop.set()
            for reader in readers:
                reader.join()
    assert trouble == []
    for numbers in seen:
        assert numbers == sorted(numbers)
        assert set(numbers) <= set(range(1, REVISIONS + 1))
        assert numbers[-1] == REVISIONS
    report = verify(str(done.repository), FQRN, [done.public_key], against=source, options=OPTIONS)
    assert (report.problems, report.revisions, report.orphans) == ([], 2, 0)
