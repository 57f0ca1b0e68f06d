"""What a mount of the host's own directories costs: stops, and visits to Python."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.support import places
from tests.support.parrot import Parrot
from tests.support.programs import program

FEW, MANY = 10, 210
COUNTERS = ("stops", "extra", "python")


@pytest.fixture(scope="module")
def run() -> Iterator[Parrot]:
    home = places.fresh(places.base() / "work" / f"mount-budget-{os.getpid()}")
    subprocess.run(["mkdir", "-p", str(home / "real" / "deep")], check=True, **places.as_job())
    for name in ("file", "deep/file"):
        (home / "real" / name).write_text("text\n")
    os.symlink("deep", home / "real" / "link")
    yield Parrot(home, options=["-M", f"{home}/mnt={home}/real", "-M", f"{home}/mnt/kept={home}/real"])
    places.remove(home)


def cost(run: Parrot, what: str, path: str, cwd: str = "/") -> dict[str, float]:
    """Counters per round of *what* on *path*."""
    totals = []
    for count in (FEW, MANY):
        run.log_file.unlink(missing_ok=True)
        command = f'cd {cwd} && exec {program("budget")} {what} {path} {count}'
        run.run(["/bin/sh", "-c", command], options=["--stats"]).expect()
        totals.append(run.stats())
    return {name: (totals[1][name] - totals[0][name]) / (MANY - FEW) for name in COUNTERS}


@pytest.mark.parametrize("what", ["stat", "access", "missing", "open+close"])
@pytest.mark.parametrize(("path", "cwd"), [("mnt/deep/file", ""), ("deep/file", "/mnt"), ("file", "/mnt/deep")])
def test_a_plain_name_costs_one_stop_and_no_python(run: Parrot, what: str, path: str, cwd: str) -> None:
    name = path if cwd else f"{run.home}/{path}"
    wanted = {"stops": 1, "extra": 0, "python": 0}
    if what == "missing":
        name = name.replace("file", "none")
    assert cost(run, what, name, f"{run.home}{cwd}") == wanted


def test_a_link_or_a_way_up_costs_one_stop_with_python(run: Parrot) -> None:
    for path in ("mnt/link/file", "mnt/deep/../file", "mnt/kept/deep/"):
        spent = cost(run, "access", f"{run.home}/{path}")
        assert (spent["stops"], spent["python"]) == (1, 1), path


def test_names_outside_cost_one_stop_and_no_python(run: Parrot) -> None:
    assert cost(run, "stat", "/etc/passwd") == {"stops": 1, "extra": 0, "python": 0}
    assert cost(run, "stat", f"{run.home}/real/file") == {"stops": 1, "extra": 0, "python": 0}
