"""``python -m parrot_py`` is ``parrot_run``."""

from __future__ import annotations

import sys

from parrot_py.cli import main

if __name__ == "__main__":
    sys.exit(main())
