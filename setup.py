"""Everything is in pyproject.toml but what takes code: the engine (a keyword of cffi's), what is made at a build."""

import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).resolve().parent / "bin"))
from helpers.shared import InstallData

setup(
    cffi_modules=["parrot_py/engine/_build.py:ffibuilder"],
    cmdclass={"install_data": InstallData},
    data_files=[("share/man/man1", [])],  # not empty, or the command is not run; it knows the rest
)
