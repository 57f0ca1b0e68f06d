"""Sites for the acceptance tests, and what most of them run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support import hosts, sites, tree
from tests.support.parrot import Parrot
from tests.support.sites import Site


@pytest.fixture
def real() -> Iterator[Site]:
    """The real repositories on a server of this test's own, so that requests can be counted."""
    with sites.real_site() as site:
        yield site


@pytest.fixture
def twin() -> Iterator[Site]:
    """The test tree on a server of this test's own."""
    published = tree.twin_tree()
    with sites.made_site(published.web, {published.name: published.key}) as site:
        yield site


@pytest.fixture
def run(twin: Site, parrot: Callable[..., Parrot]) -> Parrot:
    """A parrot_run that sees the test tree."""
    return parrot([twin.entry(tree.NAME)])


@pytest.fixture
def namespaces() -> None:
    """Skips the test, with the reason, where the job's user can have no namespaces."""
    if hosts.no_namespaces():
        pytest.skip(f"no user namespaces here: {hosts.no_namespaces()}")
