"""``python -m parrot_py.completion``: print one file, or write all of them below a prefix."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from parrot_py.completion import SHELLS, commands, files


def main() -> int:
    """Do what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m parrot_py.completion")
    parser.add_argument("--install", type=Path, metavar="PREFIX", help="write all files below PREFIX")
    parser.add_argument("shell", nargs="?", choices=sorted(SHELLS))
    parser.add_argument("command", nargs="?")
    arguments = parser.parse_args()
    if arguments.install is not None:
        for place, text in files():
            target = arguments.install / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return 0
    known = {command.name: command for command in commands()}
    if arguments.shell is None or arguments.command not in known:
        parser.error(f"a shell and one of {' '.join(known)} are wanted, or --install")
    sys.stdout.write(SHELLS[arguments.shell](known[arguments.command]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
