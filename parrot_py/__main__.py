"""``python -m parrot_py`` is ``parrot_run``: the command as a process of its own."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the job that the arguments of this process describe, and end with its exit status."""
    # Nothing of what is imported becomes garbage, and looking for it takes a tenth of the start.  run() looks again.
    gc.disable()
    from parrot_py import caller, cli

    status = cli.main()
    # At once: taking the interpreter apart, object by object, would cost a fifth of what a short job does.  Nothing is
    # left to be written by now but standard output.
    caller.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
