"""A real squid on a free port of the loopback interface, where one is installed (Debian: apt-get install squid)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import places
from tests.support.ports import free_port
from tests.support.processes import eventually

_CONFIGURATION = """
http_port 127.0.0.1:{port}
pid_filename none
access_log stdio:{directory}/access.log
cache_log {directory}/cache.log
netdb_filename none
coredump_dir none
pinger_enable off
memory_cache_shared off
cache_mem 64 MB
maximum_object_size_in_memory 4 MB
shutdown_lifetime 0 seconds
dns_nameservers 127.0.0.1
connect_timeout 2 seconds
max_filedescriptors 512
acl forbidden urlpath_regex forbidden
http_access deny forbidden
http_access allow all
"""
_PATIENCE = 60.0


class Squid:
    """A squid with a memory cache of its own; its files are in *directory*, which the job's user must own.

    It refuses what has ``forbidden`` in its path.  Skips the test where squid is not installed.
    """

    def __init__(self, directory: Path) -> None:
        program = shutil.which("squid", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            pytest.skip("squid is not installed (Debian: apt-get install squid)")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = directory
        configuration = directory / "squid.conf"
        configuration.write_text(_CONFIGURATION.format(port=self.port, directory=directory))
        configuration.chmod(0o644)
        command = [program, "-N", "-f", str(configuration)]
        self._process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **places.as_job(),
        )  # fmt: skip

    def __enter__(self) -> Squid:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > until:
                    self.kill()
                    log = self._directory / "cache.log"
                    pytest.fail(f"squid does not start: {log.read_text()[-2000:] if log.exists() else 'no log'}")
                time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it without warning; its connections break.  Idempotent."""
        self._process.kill()
        self._process.wait(_PATIENCE)

    def log(self) -> list[str]:
        """Result code and URL of each request, as ``TCP_MISS/200 http://…``, in the order in which they ended."""
        lines = [line.split() for line in (self._directory / "access.log").read_text().splitlines()]
        return [f"{parts[3]} {parts[6]}" for parts in lines]

    def wait_logged(self, part: str) -> None:
        """Wait until a line of the log has *part* in it: it is written after the answer."""
        eventually(lambda: any(part in line for line in self.log()), what=f"{part!r} in squid's log")
