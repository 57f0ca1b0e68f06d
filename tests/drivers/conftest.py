"""Fixtures for the tests of drivers."""

from __future__ import annotations

import pytest

from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys, create_keys


@pytest.fixture(scope="session")
def repository_keys(tmp_path_factory: pytest.TempPathFactory) -> RepositoryKeys:
    """Keys of ``odd.parrot.test``; making some takes a noticeable part of a second, so they are made once."""
    return create_keys(tmp_path_factory.mktemp("keys"), "odd.parrot.test")


@pytest.fixture(scope="session")
def foreign_keys(tmp_path_factory: pytest.TempPathFactory) -> RepositoryKeys:
    """Other keys for the same repository name."""
    return create_keys(tmp_path_factory.mktemp("foreign"), "odd.parrot.test")
