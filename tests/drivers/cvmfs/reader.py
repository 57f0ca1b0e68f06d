"""A process that reads files of a repository: ``python -m tests.drivers.cvmfs.reader FQRN URL KEY CACHE PATH…``.

Prints the SHA-256 of each content, a line each.  Tests start several, and kill some.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository


def main() -> None:
    fqrn, url, key, cache, *paths = sys.argv[1:]
    with Repository(RepositoryConfig(fqrn, (url,), (Path(key),), Path(cache))) as repository:
        for path in paths:
            print(hashlib.sha256(repository.read(os.fsencode(path))).hexdigest(), flush=True)


if __name__ == "__main__":
    main()
