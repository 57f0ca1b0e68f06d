"""parrot_py: makes /cvmfs appear for a job and every program it starts, without root, FUSE or namespaces."""

from __future__ import annotations

__version__ = "0.1.0"
