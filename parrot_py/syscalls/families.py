"""Imports every family of handlers, so that each call of the table finds its own."""

from parrot_py.syscalls import admin, directory, exec, mutate, open, stat, xattr

__all__ = ["admin", "directory", "exec", "mutate", "open", "stat", "xattr"]
