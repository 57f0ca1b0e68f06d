"""The way from a process of the job to parrot_run: companion commands such as ``parrot_mount`` use it.

A process connects to the local socket ``/cvmfs/.parrot`` (which no listing shows) and gets the control socket of its
run.  It sends lines of JSON, ``{"version": 1, "command": "mount", ...}``, and gets one line for each: ``{"version": 1,
"ok": true, ...}`` or ``{"version": 1, "ok": false, "errno": "EPERM", "error": "..."}``.  File names are text as
``os.fsdecode`` makes it.  Several runs beside each other do not meet: each answers its own processes only.
"""

from __future__ import annotations

VERSION = 1
NAME = b"/cvmfs/.parrot"
"""The name of the socket, for the job."""

SOCKET = "control"
"""Its name in the session directory."""

LONGEST = 1 << 16
"""Bytes of a line."""
