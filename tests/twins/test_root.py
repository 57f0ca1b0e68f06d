"""A job of root: what its capabilities override on a read-only mount, they override here, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable

import pytest

from tests.support import places, tree
from tests.support.oracle import Oracle, OracleUnavailable
from tests.support.outcome import difference
from tests.support.parrot import Parrot, environment, repository
from tests.support.programs import program
from tests.twins.test_named import REMOVALS

PROGRAMS = ("access_forms", "stat_forms", "mutate", "mutate_fd", "listing", "exec_forms", "cwd", "procfs_files")
"""Those that would change nothing but the tree.  Others try to, through its links to files of the host; root could."""

pytestmark = pytest.mark.skipif(not places.is_root(), reason="the tests do not run as root")


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    """The mounted tree, for commands of root."""
    try:
        held = Oracle(tree.twin_tree().plain, tree.NAME, tree.FORBIDDEN, uid=0)
    except OracleUnavailable as error:
        pytest.skip(f"no mount namespace to compare with: {error}")
    yield held
    held.close()


def both(run: Parrot, oracle: Oracle, argv: Sequence[str | bytes]) -> str:
    """What differs."""
    scratch = run.home / "w"
    places.fresh(scratch)
    native = oracle.run(argv, cwd=scratch, env=environment(scratch, {"PARROT_ENABLED": "TRUE"}), timeout=120)
    assert native.status == 0, native
    places.fresh(scratch)
    return difference(native, run.run(argv, cwd=scratch, env=environment(scratch), timeout=120, root=True))


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_of_root(parrot: Callable[..., Parrot], home: Path, oracle: Oracle, web: str, name: str) -> None:
    entry = repository(tree.NAME, web, tree.twin_tree().key)
    cache = places.fresh(home / "cache")
    told = both(parrot([entry], ["--cvmfs-alien-cache", str(cache)]), oracle, [str(program(name)), tree.TOP])
    assert not told, told


def test_removing_the_place_of_all_repositories(parrot: Callable[..., Parrot], oracle: Oracle) -> None:
    told = both(parrot(), oracle, ["/usr/bin/env", "python3", "-c", REMOVALS])
    assert not told, told
