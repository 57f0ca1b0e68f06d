"""Packages that take long to import: on first use only, and by one thread at a time.

Repositories are opened on several threads.  Threads that import packages with circular imports in different orders
wait for each other, and Python unties that by showing one of them a module that is only half made.
"""

from __future__ import annotations

import threading

_lock = threading.Lock()


def import_requests() -> None:
    """Afterwards ``import requests``, ``urllib3`` and their parts cost nothing."""
    with _lock:
        import urllib3.connection
        import urllib3.util  # noqa: F401


def import_cryptography() -> None:
    """Afterwards importing what reads keys and certificates costs nothing."""
    with _lock:
        from cryptography import x509  # noqa: F401
        from cryptography.hazmat.primitives import serialization  # noqa: F401
