"""Variant symbolic links: ``$(NAME)`` and ``$(NAME:-default)`` in a target are replaced by values of variables.

As in the real client the variables are those of the configuration.  With ``caller_variables`` the environment of the
program that asks comes first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Variant

# The first ")" ends a variable, and the default is literal.
_VARIABLE = re.compile(rb"\$\(([^)]*)\)", re.DOTALL)
_NOTHING: Mapping[bytes, bytes] = {}


class Expander:
    """Expands link targets with one set of variables; *fixed* ones no caller can change.

    *raw* leaves all targets as they are, *by_caller* makes what is to be expanded a Variant.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        fixed: Mapping[str, str] | None = None,
        *,
        raw: bool = False,
        by_caller: bool = False,
    ) -> None:
        self._fixed = _encoded(fixed or {})
        self._values = {**_encoded(variables), **self._fixed}
        self._raw, self._by_caller = raw, by_caller

    @classmethod
    def for_repository(cls, config: RepositoryConfig) -> Expander:
        """The configured variables, and the two that every client provides."""
        variables = {"CVMFS_ARCH": os.uname().machine, **config.variables}
        fixed = {"CVMFS_FQRN": config.fqrn}
        return cls(variables, fixed, raw=config.raw_links, by_caller=config.caller_variables)

    def __call__(self, target: bytes) -> bytes:
        """*target* as the job sees it.  Unset without a default is empty; set but empty stays empty."""
        if self._raw or b"$(" not in target:
            return target
        expanded = self._expand(target, _NOTHING)
        return Variant(expanded, lambda environ: self._expand(target, environ)) if self._by_caller else expanded

    def _expand(self, target: bytes, environ: Mapping[bytes, bytes]) -> bytes:
        def value(match: re.Match[bytes]) -> bytes:
            name, _, default = match[1].partition(b":-")
            if name in environ and name not in self._fixed:
                return environ[name]
            return self._values.get(name, default)

        return _VARIABLE.sub(value, target)


def _encoded(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    return {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}
