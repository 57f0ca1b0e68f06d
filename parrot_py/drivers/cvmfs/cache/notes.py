"""Small files that are no objects: what a repository's network remembers from run to run.

They are hints in a directory that others may write to, so what is read is checked by who uses it, and nothing depends
on their being there.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import uuid
from pathlib import Path
from typing import Any

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.trouble import log

_LIMIT = 1 << 16


class Notes:
    """The notes of one repository, in its workspace or else in its cache directory."""

    def __init__(self, config: RepositoryConfig) -> None:
        self._directory = Path(config.workspace or config.cache_dir)
        self._fqrn = config.fqrn

    def read(self, name: str) -> str | None:
        """The text of note *name*; None when there is none that can be read."""
        try:
            with open(self._directory / name, "rb") as file:
                return file.read(_LIMIT).decode("utf-8", "replace")
        except OSError:
            return None

    def write(self, name: str, text: str) -> None:
        """Replace note *name*; a directory that cannot be written to is none of our business."""
        made = None
        try:
            self._make_directory()
            fd, made = tempfile.mkstemp(prefix=f".{name}.", dir=self._directory)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(made, self._directory / name)
        except OSError as error:
            log.debug("%s: note %s is not kept: %s", self._fqrn, name, error.strerror)
            if made is not None:
                with contextlib.suppress(OSError):
                    os.unlink(made)

    def _make_directory(self) -> None:
        """Make the directory as the cache would: readable for others only when root shares it out."""
        if not self._directory.is_dir():
            mode = 0o755 if os.getuid() == 0 else 0o700
            self._directory.mkdir(mode, parents=True, exist_ok=True)
            self._directory.chmod(mode)

    def read_json(self, name: str) -> dict[str, Any]:
        """The same for a note with a JSON object; empty when there is none."""
        try:
            value = json.loads(self.read(name) or "{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Replace note *name* by a JSON object."""
        self.write(name, json.dumps(value))

    def client_id(self) -> str:
        """The UUID of this client, which is the same for all that use the directory."""
        try:
            return str(uuid.UUID((self.read("uuid") or "").split("\n", 1)[0].strip()))
        except ValueError:
            made = str(uuid.uuid4())
            self.write("uuid", made + "\n")
            return made
