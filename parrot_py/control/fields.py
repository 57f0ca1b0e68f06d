"""Reading the fields of a request."""

from __future__ import annotations

from parrot_py import codes
from parrot_py.control.channel import Request
from parrot_py.errors import ConfigError


def text(request: Request, field: str) -> str:
    """The text in *field*; file names are as ``os.fsdecode`` makes them.  Raises ConfigError."""
    value = request.fields.get(field)
    if not isinstance(value, str):
        raise ConfigError(f"{field}: missing", codes.USAGE)
    return value
