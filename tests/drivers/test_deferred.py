"""Making a driver costs the tracer's thread nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parrot_py.drivers import registry
from parrot_py.drivers.base import Driver, WouldBlock, nonblocking
from parrot_py.drivers.deferred import Deferred
from parrot_py.drivers.memory import MemoryDriver

TRACER = """
import sys
import parrot_py.run
from pathlib import Path
from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers import registry
from parrot_py.drivers.base import WouldBlock, nonblocking

config = RepositoryConfig("demo.parrot.local", (f"file://{sys.argv[1]}/www/demo.parrot.local",),
                          (Path(sys.argv[1]) / "demo.parrot.local.pub",), Path(sys.argv[2]))
before = set(sys.modules)
with nonblocking():
    driver = registry.make("cvmfs", config)
    try:
        driver.lookup(b"")
    except WouldBlock:
        pass
assert set(sys.modules) == before, set(sys.modules) - before
names = [entry.name for entry in driver.listdir(driver.lookup(b""))]
before = set(sys.modules)
with nonblocking():
    root = driver.lookup(b"")
    assert [entry.name for entry in driver.listdir(root)] == names
    for ask in [driver.statfs, *(lambda name=name: driver.getxattr(root, name) for name in driver.listxattr(root))]:
        try:
            ask()
        except WouldBlock:
            pass
    for name in names:
        try:
            driver.materialise(driver.lookup(b"/" + name))
        except (OSError, WouldBlock):
            pass
assert set(sys.modules) == before, set(sys.modules) - before
driver.close()
"""


def test_nothing_is_imported_by_a_thread_that_must_not_wait(tmp_path: Path) -> None:
    from parrot_py import __file__ as package

    demo = str(package).replace("__init__.py", "data/demo")
    subprocess.run([sys.executable, "-c", TRACER, demo, str(tmp_path)], check=True, timeout=60)


def test_it_is_made_once_and_closed_even_if_that_comes_first() -> None:
    made: list[Driver] = []
    closed = threading.Event()

    class Slow(MemoryDriver):
        def close(self) -> None:
            closed.set()

    def make() -> Driver:
        time.sleep(0.05)
        made.append(Slow({b"/file": b"x"}))
        return made[-1]

    driver = Deferred(make)
    with nonblocking(), pytest.raises(WouldBlock):
        driver.lookup(b"/file")
    with ThreadPoolExecutor(8) as pool:
        assert [inode.size for inode in pool.map(driver.lookup, [b"/file"] * 8)] == [1] * 8
    assert len(made) == 1
    driver.close()
    assert closed.is_set()
    closed.clear()
    late = Deferred(make)
    late.close()
    assert len(made) == 1
    late.lookup(b"/file")
    assert closed.is_set()


def test_unknown_kinds_are_known_at_once() -> None:
    with pytest.raises(KeyError):
        registry.make("nonsense")
