"""The parameters of a CernVM-FS client (``CVMFS_…``): which there are, and what each one does here.

Whatever sets a parameter (files of /etc/cvmfs, ``--cvmfs-option``, an entry of ``-r`` …) sets it under its name;
parrot_py/config/effective.py makes a :class:`RepositoryConfig` of all that was set.  Every parameter is a variable of
symbolic links, too, known or not.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import NamedTuple

from parrot_py.config.kinds import Kind


class Parameter(NamedTuple):
    """One parameter: name, way to write it, meaning, and what it sets.

    ``fields`` are those of :class:`RepositoryConfig` that it has a say in, separated by blanks.  A ``plain`` parameter
    sets its one field to what its kind parses; the others are combined in effective.py.  ``default`` is what counts
    here when nothing sets it, ``real`` the real client's default where that differs (``code; default.conf``).
    ``ignored`` says why a parameter that is accepted has no effect.  ``<name>`` in a name stands for any word.
    """

    name: str
    kind: Kind
    meaning: str
    fields: str = ""
    default: str = ""
    real: str = ""
    ignored: str = ""
    plain: bool = True

    @property
    def has_effect(self) -> bool:
        """Whether the parameter is obeyed."""
        return not self.ignored


def table() -> tuple[tuple[str, tuple[Parameter, ...]], ...]:
    """All parameters, by subject, in the order of the documentation."""
    from parrot_py.config import parameters_here, parameters_network

    return (*parameters_here.SECTIONS[:2], *parameters_network.SECTIONS, *parameters_here.SECTIONS[2:])


@functools.lru_cache(maxsize=1)
def by_name() -> Mapping[str, Parameter]:
    """Name → parameter, patterns (``<name>``) included as they are written."""
    return {parameter.name: parameter for _, rows in table() for parameter in rows}


@functools.lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], Parameter]]:
    rows = [row for row in by_name().values() if "<name>" in row.name]
    return [(re.compile(row.name.replace("<name>", r"\w+?")), row) for row in rows]


def find(name: str) -> Parameter | None:
    """The row that the parameter *name* belongs to, None for one that the table does not have."""
    row = by_name().get(name)
    if row is None:
        row = next((each for pattern, each in _patterns() if pattern.fullmatch(name)), None)
    return row
