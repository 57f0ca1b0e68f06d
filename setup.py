"""Everything is in pyproject.toml but the engine: cffi's hook for setuptools is a keyword of setup()."""

from setuptools import setup

setup(cffi_modules=["parrot_py/engine/_build.py:ffibuilder"])
