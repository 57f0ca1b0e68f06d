"""``status`` in /proc as it would be without parrot_run: its tracer, no_new_privs and seccomp filter are ours."""

from __future__ import annotations

import re

from parrot_py.engine.core import Engine

_STATUS = re.compile(rb"/proc/(\d+)(?:/task/(\d+))?/status\Z")
_LINE = re.compile(rb"(?m)^(TracerPid|NoNewPrivs|Seccomp|Seccomp_filters):\t(\d+)$")


def status(engine: Engine, path: bytes) -> bytes | None:
    """What the file *path* is to say; ``None`` when the real one is right: it is another, or of no thread of the job.

    Raises OSError when the real one cannot be read.
    """
    match = _STATUS.match(path)
    thread = None if match is None else engine.thread(int(match.group(2) or match.group(1)))
    if thread is None:
        return None
    with open(path, "rb") as file:
        text = file.read()
    values = {name: int(value) for name, value in _LINE.findall(text)}
    values[b"TracerPid"] = thread.debugger
    if thread.confined:
        values[b"NoNewPrivs"] = thread.no_new_privs
        values[b"Seccomp_filters"] = values.get(b"Seccomp_filters", 1) - 1  # there since Linux 5.9
        if not thread.filtered:
            values[b"Seccomp"] = 0
    return _LINE.sub(lambda line: b"%s:\t%d" % (line.group(1), values[line.group(1)]), text)
