"""Walks over the real repositories, as an ordinary user, find exactly what their makers recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import places, sites
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
BASIC, SHAKE, RMD = sites.REAL


def entry(site: Site, name: str) -> str:
    """How to reach *name*, its external data included."""
    external = {"external_url": f"{site.server.url}/ext"} if name == SHAKE else {}
    return site.entry(name, **external)


def truth(name: str) -> Path:
    """The record of its makers."""
    return sites.unpacked() / name / f"{name}.jsonl"


def walker() -> list[str]:
    """The command that compares; a copy, because the checkout may lie where a job can't read."""

    def copy(place: Path) -> None:
        place.write_bytes((places.CHECKOUT / "tests" / "support" / "truth_walk.py").read_bytes())
        place.chmod(0o644)

    python = sys.executable if places.launcher()[0] == sys.executable else "/usr/bin/python3"
    return [python, "-I", str(places.once("truth_walk.py", copy))]


def walk(parrot: Parrot, name: str, *options: str) -> Outcome:
    """Compare /cvmfs/*name* with its truth."""
    command = [*walker(), str(truth(name)), f"/cvmfs/{name}", *options]
    return parrot.run(command, env=environment(parrot.home, {"MYVAR": "chosen"}), timeout=120)


@pytest.mark.parametrize("name", sites.REAL)
def test_cold_and_warm(real: Site, parrot: MakeParrot, name: str) -> None:
    run = parrot([entry(real, name)])
    cold = walk(run, name).expect()
    assert b" 0 differences" in cold.stdout
    before = real.server.count("*/data/*")
    assert before >= 10  # each object once
    warm = walk(run, name).expect()
    assert warm.stdout == cold.stdout
    assert real.server.count("*/data/*") == before, "a warm cache fetches nothing"


def test_two_repositories_in_one_run(real: Site, parrot: MakeParrot) -> None:
    run = parrot([entry(real, BASIC), entry(real, RMD)])
    script = " & ".join(f"{' '.join(walker())} {truth(name)} /cvmfs/{name}; echo $?" for name in (BASIC, RMD))
    told = run.run(["/bin/sh", "-c", f"{script}; wait"], env=environment(run.home, {"MYVAR": "chosen"}), timeout=120)
    told.expect()
    assert told.stdout.count(b" 0 differences") == 2
    assert told.stdout.split().count(b"0") >= 2


def test_devices_of_repositories_differ(real: Site, parrot: MakeParrot) -> None:
    run = parrot([entry(real, name) for name in sites.REAL])
    paths = [f"/cvmfs/{name}" for name in sites.REAL]
    devices = run.run(["stat", "-c", "%d", *paths, "/"]).expect().stdout.split()
    assert len(set(devices)) == 4


def test_an_untouched_nested_catalog_stays_away(real: Site, parrot: MakeParrot) -> None:
    run = parrot([entry(real, BASIC)])
    run.run(["ls", "-la", f"/cvmfs/{BASIC}"]).expect()
    assert real.server.count("*/data/*C") == 1, "only the root catalog"
    walk(run, BASIC, "--names-only").expect()
    assert real.server.count("*/data/*C") > 2, "the walk needs the nested ones"
    assert real.server.count("*/data/*P") == 0, "and no content"


def test_the_walk_sees_what_is_wrong(real: Site, parrot: MakeParrot) -> None:
    run = parrot([entry(real, RMD)])
    lines = truth(RMD).read_text().splitlines()
    file = next(n for n, line in enumerate(lines) if '"type": "file"' in line or '"type":"file"' in line)
    wrong = run.home / "wrong.jsonl"
    wrong.write_text("\n".join([*lines[:file], lines[file].replace('"sha256": "', '"sha256": "f'), *lines[file + 2 :]]))
    told = run.run([*walker(), str(wrong), f"/cvmfs/{RMD}"], env=environment(run.home, {"MYVAR": "chosen"})).expect(1)
    assert b"sha256: got" in told.stdout
    assert b"listed, but it should not be there" in told.stdout


@pytest.mark.parametrize("name", [BASIC, SHAKE])
def test_as_root(real: Site, parrot: MakeParrot, name: str) -> None:
    if not places.is_root():
        pytest.skip("only root can start a job as root")
    run = parrot([entry(real, name)])
    command = [*walker(), str(truth(name)), f"/cvmfs/{name}"]
    env = environment(run.home, {"MYVAR": "chosen"})
    assert b" 0 differences" in run.run(command, env=env, timeout=120, root=True).expect().stdout


def test_without_seccomp(real: Site, parrot: MakeParrot) -> None:
    assert b" 0 differences" in walk(parrot([entry(real, RMD)], ["--no-seccomp"]), RMD).expect().stdout
