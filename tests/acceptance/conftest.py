"""Sites for the acceptance tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import sites, tree
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
