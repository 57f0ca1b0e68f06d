"""The running instances of this user: which processes are a run, and what each is doing."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from parrot_py.control import LONGEST, SOCKET, VERSION
from parrot_py.process import read_status
from parrot_py.sessiondir import start_time

PATIENCE = 1.0
"""Seconds in which a run has to answer."""

_SESSION = re.compile(r"/[^/]+-(\d+)-(\d+)$")


class Instance(NamedTuple):
    """A process *pid* that runs ``command``; *link* is its descriptor for the session directory, as /proc shows it."""

    pid: int
    link: str
    session: str
    command: list[str]


def find() -> Iterator[Instance]:
    """The runs of this user on this machine, as far as /proc shows their processes; whatever tempdir they use."""
    for name in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        try:
            if os.stat(f"/proc/{name}").st_uid == os.geteuid():
                instance = _instance(int(name))
                if instance is not None:
                    yield instance
        except (OSError, KeyError, ValueError):
            continue  # gone meanwhile, or somebody else's after all


def _instance(pid: int) -> Instance | None:
    """The run that process *pid* is; the session directory that it holds open has its own number in its name."""
    numbers: list[str] | None = None
    for fd in os.listdir(f"/proc/{pid}/fd"):
        link = f"/proc/{pid}/fd/{fd}"
        try:
            session = os.readlink(link)
        except FileNotFoundError:
            continue  # closed just now
        match = _SESSION.search(session)
        if match is None or match[2] != start_time(pid):
            continue
        if numbers is None:  # in a container the process knows itself by another number
            status = read_status(pid)
            numbers = [str(pid), *status.get("NSpid", "").split()]
            if int(status["Uid"].split()[0]) != os.getuid():
                return None
        if match[1] in numbers:
            return Instance(pid, link, session, _command(pid))
    return None


def _command(pid: int) -> list[str]:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]


def still_runs(instance: Instance) -> bool:
    """Whether *instance* is still there."""
    try:
        return os.readlink(instance.link) == instance.session
    except OSError:
        return False


def ask(instance: Instance) -> dict[str, Any]:
    """What *instance* says of itself.

    Raises TimeoutError when it does not answer within PATIENCE, other OSError where it is gone or refuses.
    """
    end = time.monotonic() + PATIENCE
    folder = os.open(instance.link, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(f"/proc/self/fd/{folder}/{SOCKET}")
            connection.sendall(json.dumps({"version": VERSION, "command": "status"}).encode() + b"\n")
            return _answer(connection, end)
    finally:
        os.close(folder)


def _answer(connection: socket.socket, end: float) -> dict[str, Any]:
    told = b""
    while not told.endswith(b"\n"):
        connection.settimeout(max(0.001, end - time.monotonic()))
        data = connection.recv(LONGEST)
        if not data:
            raise ConnectionResetError
        told += data
    answer: dict[str, Any] = json.loads(told)
    if not answer.get("ok"):
        raise ConnectionRefusedError(str(answer.get("error")))
    return answer
