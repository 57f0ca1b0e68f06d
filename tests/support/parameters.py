"""A repository's configuration by parameters of CernVM-FS, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parrot_py import config
from parrot_py.config.model import RepositoryConfig

ENTRY = "a.cern.ch:url=http://h/@fqrn@"


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from parrot_py.config import effective

    monkeypatch.setattr(effective, "GRID_CERTIFICATES", Path("/nowhere"))


def repository(*options: str, entry: str = ENTRY, argv: tuple[str, ...] = (), **environ: str) -> RepositoryConfig:
    """What ``a.cern.ch`` is with these ``--cvmfs-option``s."""
    given = [word for option in options for word in ("--cvmfs-option", option)]
    environ = {"PARROT_CVMFS_ETC": "/nowhere", **environ}
    wanted = config.read(["-r", entry, *given, *argv, "ls"], environ)
    assert isinstance(wanted, config.RunConfig)
    found = wanted.repositories.find("a.cern.ch")
    assert found is not None
    return found


def changed(*options: str, **how: Any) -> dict[str, Any]:
    """The fields that *options* change, variables aside."""
    before, after = repository(**how), repository(*options, **how)
    return {
        field: getattr(after, field)
        for field in RepositoryConfig._fields
        if field != "variables" and getattr(after, field) != getattr(before, field)
    }
