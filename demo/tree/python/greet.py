#!/usr/bin/env python3
"""Imports a package from the repository it lies in, and says where everything came from."""

import os
import sys

import greetings


def main() -> None:
    """Greet whoever is named on the command line."""
    name = sys.argv[1] if len(sys.argv) > 1 else "world"
    print(f"Hello, {name}, in {len(greetings.WORDS)} languages:")
    for line in greetings.greet(name):
        print("  " + line)
    print("script:  " + os.path.abspath(__file__))
    print("package: " + os.path.dirname(greetings.__file__))
    print("python:  " + sys.executable)


if __name__ == "__main__":
    main()
