"""The commands ``parrot_package_create`` and ``parrot_package_run`` (docs/packages.md).

A package is a directory that is the root of a job's names: what the host has at /usr/lib is in PACKAGE/usr/lib, what a
repository has in PACKAGE/cvmfs.  The job's environment is in PACKAGE/env_list.
"""

from __future__ import annotations

ENVIRONMENT = "env_list"
"""Where a package has the environment of its job, unless another place is chosen."""

MACHINE = (b"/dev", b"/proc", b"/sys")
"""What is never packed: a job sees these of the machine that it runs on."""


SERVICES = ("grow", "http", "https", "fsspec")
"""Drivers with names of their own, beside /cvmfs."""


def shown(name: bytes | str) -> str:
    """*name* for a message of one line."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    printable = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return printable.encode("utf-8", "backslashreplace").decode()
