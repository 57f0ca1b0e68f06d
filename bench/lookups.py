"""How fast the driver answers by itself: ``python bench/lookups.py CONFIGURATION`` in one thread, without any tracing.

CONFIGURATION is the value of ``-r``; the repository has a directory ``/many`` of some thousand files.  Prints JSON:
look-ups a second of names that were looked up before (``known``), of names known to be missing (``missing``) and of
names that were not looked up before (``fresh``), and milliseconds for a listing (``listing``) with its entries.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable

from parrot_py import config
from parrot_py.drivers.cvmfs.driver import CvmfsDriver
from parrot_py.run import GC_THRESHOLD

ROUNDS = 9
BATCH = 5_000


def seconds(what: Callable[[], object]) -> float:
    """CPU time, the best of ROUNDS: nothing here waits, so on an idle machine that is what a clock would show."""
    times = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        kept = what()
        times.append(time.thread_time() - began)
        del kept  # giving the answer back is not part of making it
    return min(times)


def _look_up(driver: CvmfsDriver, paths: list[bytes]) -> None:
    for path in paths:
        try:
            driver.lookup(path)
        except FileNotFoundError:
            continue


def main(repository: str) -> dict[str, float]:
    """All figures."""
    gc.set_threshold(*GC_THRESHOLD)
    with tempfile.TemporaryDirectory(prefix="parrot_py-lookups-") as temp:
        wanted = config.read(["-t", temp, "-r", repository, "true"], {})
        assert isinstance(wanted, config.RunConfig)
        found = wanted.repositories.find(repository.partition(":")[0])
        assert found is not None
        driver = CvmfsDriver(found)
        many = driver.lookup(b"/many")
        entries = driver.listdir(many)
        names = [entry.inode.path for entry in entries]
        groups = [names[at : at + BATCH] for at in range(0, len(names), BATCH)]
        missing = [name + b".none" for name in groups[0]]
        _look_up(driver, groups[0] + missing)
        fresh = [b"/many/fresh-%d" % number for number in range(ROUNDS * BATCH)]
        takes = iter([fresh[at : at + BATCH] for at in range(0, len(fresh), BATCH)])
        result = {
            "known": BATCH / seconds(lambda: _look_up(driver, groups[0])),
            "missing": BATCH / seconds(lambda: _look_up(driver, missing)),
            "fresh": BATCH / seconds(lambda: _look_up(driver, next(takes))),
            "listing": seconds(lambda: driver.listdir(many)) * 1e3,
            "entries": float(len(entries)),
        }
        driver.close()
        return result


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
