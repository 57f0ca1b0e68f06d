"""Small helper programs for protected repositories, and what they leave behind of being asked."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

from parrot_py.drivers.cvmfs.trust.authz import Asker

MEMBERSHIP = b"/test.vo/Role=pilot"
# Root may see everything: the tests are about somebody else, whoever runs them.
NOBODY = Asker(os.getpid(), 4711, 42)

PROGRAM = """\
#!{python}
import base64, json, os, struct, sys, time
HOME = {home!r}
def get():
    head = sys.stdin.buffer.read(8)
    if len(head) < 8:
        sys.exit(0)
    version, length = struct.unpack("=II", head)
    assert version == 1
    message = json.loads(sys.stdin.buffer.read(length))["cvmfs_authz_v1"]
    with open(HOME + "/asked", "a") as log:
        print(json.dumps(message), file=log)
    if message["msgid"] == 4:
        sys.exit(0)
    return message
def put(msgid, **fields):
    raw(json.dumps({{"cvmfs_authz_v1": {{"msgid": msgid, "revision": 0, **fields}}}}).encode())
def raw(body, version=1):
    sys.stdout.buffer.write(struct.pack("=II", version, len(body)) + body)
    sys.stdout.buffer.flush()
with open(HOME + "/started", "a") as log:
    print(json.dumps([os.getpid(), dict(os.environ)]), file=log)
{body}
"""
SERVE = """
assert get()["msgid"] == 0
put(1)
while True:
    message = get()
    {answer}
"""


def install(place: Path, body: str) -> Path:
    """A helper program for the schema ``test`` in the directory *place*, which does *body*."""
    program = place / "cvmfs_test_helper"
    program.write_text(PROGRAM.format(python=sys.executable, home=str(place), body=textwrap.dedent(body)))
    program.chmod(0o755)
    return program


def serve(answer: str) -> str:
    return SERVE.format(answer=answer)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def dead(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
