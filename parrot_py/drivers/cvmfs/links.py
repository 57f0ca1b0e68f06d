"""Variant symbolic links: ``$(NAME)`` and ``$(NAME:-default)`` in a target are replaced by configuration values."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from parrot_py.config.model import RepositoryConfig

# The first ")" ends a variable, and the default is literal.
_VARIABLE = re.compile(rb"\$\(([^)]*)\)", re.DOTALL)


class Expander:
    """Expands link targets with one set of variables."""

    def __init__(self, variables: Mapping[str, str], *, raw: bool = False) -> None:
        self._values = {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}
        self._raw = raw

    @classmethod
    def for_repository(cls, config: RepositoryConfig) -> Expander:
        """The configured variables, and the two that every client provides."""
        variables = {"CVMFS_ARCH": os.uname().machine, **config.variables, "CVMFS_FQRN": config.fqrn}
        return cls(variables, raw=config.raw_links)

    def __call__(self, target: bytes) -> bytes:
        """*target* as the job sees it.  Unset without a default is empty; set but empty stays empty."""
        return target if self._raw or b"$(" not in target else _VARIABLE.sub(self._value, target)

    def _value(self, match: re.Match[bytes]) -> bytes:
        name, _, default = match[1].partition(b":-")
        return self._values.get(name, default)
