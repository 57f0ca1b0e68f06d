"""Imports every family of handlers, so that each call of the table finds its own."""

from parrot_py.syscalls import directory, exec, mutate, open, stat, xattr

__all__ = ["directory", "exec", "mutate", "open", "stat", "xattr"]
