"""What a parrot_run inside another one is asked for and can't give: the outer one's configuration counts."""

from __future__ import annotations

from parrot_py.config import grammar
from parrot_py.config.command_line import Given
from parrot_py.config.options import OPTIONS

_COUNT = {"work-dir", "debug", "debug-file", "debug-rotate-max"}
"""About where the job starts, and the inner one's own log."""
_EFFECTIVE = {option.key for option in OPTIONS if option.has_effect}


def options(given: Given) -> tuple[str, ...]:
    """The options of the command line that have no effect inside."""
    return tuple(sorted(f"--{key}" for key in given.values if key in _EFFECTIVE - _COUNT))


def repositories(given: Given) -> tuple[str, ...]:
    """The full names that ``-r`` gives."""
    listed = [entry for text in given.values.get("cvmfs-repos", ()) for entry in grammar.entries(text)]
    names = [entry.name for entry in listed if not entry.wildcard and entry.name != grammar.DEFAULTS]
    return tuple(dict.fromkeys(names))
