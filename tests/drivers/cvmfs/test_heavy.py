"""Several repositories opened at once in a fresh process: nobody sees a half-imported package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.drivers.cvmfs.conftest import Site
from tests.drivers.cvmfs.truth import BASIC, RMD, SHAKE

PROGRAM = """
import sys, threading
from pathlib import Path
from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
sys.setswitchinterval(1e-5)
cache, *sites = sys.argv[1:]
configs = [RepositoryConfig(name, (url,), (Path(key),), Path(cache)) for name, url, key in
           (site.split("|") for site in sites)]
gate, failed = threading.Barrier(2 * len(configs)), []
def look(repository):
    gate.wait()
    try:
        repository.listdir(repository.lookup(b""))
    except BaseException as error:
        failed.append(error)
threads = [threading.Thread(target=look, args=(Repository(config),)) for config in configs * 2]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit(repr(failed) if failed else 0)
"""


def test_opened_at_once_in_a_fresh_process(site: Site) -> None:
    sites = [f"{name}|{site.server.url}/cvmfs/{name}|{site.keys[name]}" for name in (BASIC, SHAKE, RMD)]
    command = [sys.executable, "-c", PROGRAM, str(site.cache), *sites]
    for _ in range(3):  # cold, and with the certificates cached
        subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parents[3])
