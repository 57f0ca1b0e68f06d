"""``update_job.py ROLE REPOSITORY``: what a job notices of a new revision of /cvmfs/REPOSITORY.  Runs as a job.

``keep``: opens and enters things, says ``ready``, waits until ``new`` is there (or for a line on stdin), and prints as
JSON what the old things are like then.  ``walk``: several processes follow a link through two catalogs, until stdin
ends; prints what they read, and what went wrong.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time


def attributes(fd: int) -> list[int]:
    """What must not change while *fd* is open."""
    s = os.fstat(fd)
    return [s.st_ino, s.st_size, s.st_mode, s.st_mtime_ns, s.st_dev]


def problem(path: str, dir_fd: int | None = None) -> str:
    """The error of looking at *path*, or nothing."""
    try:
        os.stat(path, dir_fd=dir_fd)
    except OSError as error:
        return type(error).__name__
    return ""


def keep(top: str) -> None:
    """The role ``keep``."""
    os.chdir(f"{top}/dir")
    file, directory, gone = os.open("../file", os.O_RDONLY), os.open(".", os.O_RDONLY), os.open("../gone", os.O_PATH)
    half_read = os.scandir(f"{top}/many")
    listed = [next(half_read).name for _ in range(10)]
    before = [attributes(fd) for fd in (file, directory, gone)]
    ino = os.stat("../file").st_ino
    for _ in range(3):  # so that all of it is known to the tracer's fast path, missing names included
        told = [problem(f"{top}/{name}") for name in ("new", "file", "gone/inner", "dir/new")]
    assert told == ["FileNotFoundError", "", "", "FileNotFoundError"], told
    print("ready", flush=True)
    while problem(f"{top}/new") and not select.select([sys.stdin], [], [], 0.02)[0]:
        pass
    with open(f"{top}/file", encoding="ascii") as text:
        now = text.read()
    answers = {
        "kept": [attributes(fd) for fd in (file, directory, gone)] == before,
        "old content": os.pread(file, 100, 0).decode(),
        "old listing": sorted(os.listdir(directory)),
        "old scan": len({*listed, *(entry.name for entry in half_read)}),
        "new content": now,
        "new listing": sorted(os.listdir(".")),
        "top": sorted(os.listdir(top)),
        "cwd": os.getcwd(),
        "new in cwd": problem("new"),
        "new at descriptor": problem("new", directory),
        "gone": problem("../gone"),
        "below gone": problem("inner", gone),
        "link": os.readlink(f"{top}/link"),
        "other number": os.stat("../file").st_ino != ino,
        "again": os.stat("../file").st_ino == os.stat(f"{top}/file").st_ino,
    }
    print(json.dumps(answers), flush=True)


def walk(top: str) -> None:
    """The role ``walk``."""
    print("ready", flush=True)
    workers = []
    stop, hold = os.pipe()
    for worker in range(3):
        pid = os.fork()
        if not pid:
            os.close(hold)
            os._exit(_follow(top, stop, worker))
        workers.append(pid)
    for line in sys.stdin:
        # Every number that was published is seen by somebody.
        while _number(top) != int(line):
            time.sleep(0.01)
        print("seen", flush=True)
    os.close(hold)
    print([os.waitpid(pid, 0)[1] for pid in workers], flush=True)


def _number(top: str) -> int:
    with open(f"{top}/current/number", encoding="ascii") as file:
        return int(file.read())


def _follow(top: str, stop: int, worker: int) -> int:
    """Follow the link until *stop* ends; 0 if there was never a mixture, and the numbers only grew."""
    last = 0
    while not select.select([stop], [], [], 0)[0]:
        number = _number(top)
        if worker == 1:
            listed = os.listdir(f"{top}/current/")
            assert len(listed) == 2, listed
        if worker == 2:
            os.stat(f"{top}/current/../../current/number")
        if number < last:
            return 1
        last = number
    return 0


if __name__ == "__main__":
    {"keep": keep, "walk": walk}[sys.argv[1]](f"/cvmfs/{sys.argv[2]}")
