"""A small interpreter of the shell language, for configuration files: see interpreter.py."""

from __future__ import annotations

from parrot_py.config.shell.interpreter import Shell, Value
from parrot_py.config.shell.parser import Script, parse

__all__ = ["Script", "Shell", "Value", "parse"]
