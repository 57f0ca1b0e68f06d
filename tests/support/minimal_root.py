"""A node with next to nothing: a root without Python, read-only, few devices, no network but a web server.

As a program (``unshare --mount --net --pid --fork python minimal_root.py REQUEST``) it makes that of a directory and
runs a shell command there, as uid 65534 with a small environment.  It prints JSON.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

NOBODY = 65534
PORT = 8000
_SIOCSIFFLAGS, _UP = 0x8914, 0x41
NOEXEC, EXEC = "mode=1777,nosuid,nodev,noexec", "mode=1777,nosuid,nodev"


@dataclass
class Request:
    """What is run, and where: *root* gets *shared* at /shared; *web* is served if it is not empty.

    *temporary* are the options of the tmpfs at each place; ``tree`` of the answer are the files in there at the end.
    """

    root: str
    shared: str
    script: str
    web: str = ""
    shell: str = "/bin/sh"
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/bin:/bin"})
    temporary: dict[str, str] = field(default_factory=lambda: {"tmp": NOEXEC, "var/tmp": EXEC, "dev/shm": NOEXEC})


@dataclass
class Answer:
    """How it ended, what it said, the processes that are left, and the files in the temporary directories."""

    status: int
    stdout: str
    stderr: str
    processes: list[str]
    tree: list[str]


def run(request: Request, timeout: float = 300) -> Answer:
    """Run *request*; needs root."""
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", sys.executable, "-I", __file__]
    done = subprocess.run(
        [*command, json.dumps(asdict(request))], capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the node cannot be made: {done.stderr}")
    return Answer(**json.loads(done.stdout))


def busybox_root(place: Path) -> Path:
    """A root with a static busybox and nothing else: no C library, no /etc/passwd."""
    (place / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", place / "bin" / "busybox")
    for name in ("sh", "cat", "ls", "env", "true", "kill", "sleep", "ln", "readlink", "id", "grep"):
        (place / "bin" / name).symlink_to("busybox")
    return make_places(place)


def make_places(root: Path) -> Path:
    """The directories that :func:`run` mounts something on."""
    for name in ("proc", "dev", "tmp", "var/tmp", "shared", "etc"):
        (root / name).mkdir(parents=True, exist_ok=True)
    return root


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def _prepare(request: Request) -> None:
    root = request.root
    _mount("--make-rprivate", "/")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", _UP, b""))
    _mount("--bind", root, root)
    _mount("-o", "remount,ro,bind", root)
    _mount("-t", "proc", "proc", f"{root}/proc")
    _mount("-t", "tmpfs", "-o", "mode=755", "none", f"{root}/dev")
    for name in ("null", "zero", "urandom"):
        Path(root, "dev", name).touch()
        _mount("--bind", f"/dev/{name}", f"{root}/dev/{name}")
    for name, options in request.temporary.items():
        Path(root, name).mkdir(exist_ok=True)
        _mount("-t", "tmpfs", "-o", options, "none", f"{root}/{name}")
    _mount("--bind", request.shared, f"{root}/shared")


def _serve(web: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-m", "http.server", str(PORT), "--bind", "127.0.0.1", "-d", web]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", PORT)).close()
            return server
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _command(request: Request) -> subprocess.CompletedProcess[str]:
    def enter() -> None:
        os.chroot(request.root)
        os.chdir("/")
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)

    return subprocess.run(
        [request.shell, "-c", request.script],
        env=request.environment,
        preexec_fn=enter,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _processes(root: str, known: set[int]) -> list[str]:
    found = {int(name) for name in os.listdir(f"{root}/proc") if name.isdigit()} - known
    return [Path(root, "proc", str(pid), "cmdline").read_text().replace("\0", " ") for pid in sorted(found)]


def _main() -> None:
    request = Request(**json.loads(sys.argv[1]))
    _prepare(request)
    known = {os.getpid()}
    server = _serve(request.web) if request.web else None
    if server:
        known.add(server.pid)
    done = _command(request)
    places = [Path(request.root, name) for name in request.temporary]
    tree = [str(path.relative_to(request.root)) for place in places for path in place.rglob("*")]
    left = _processes(request.root, known)
    print(json.dumps(asdict(Answer(done.returncode, done.stdout, done.stderr, left, sorted(tree)))))
    if server:
        server.kill()


if __name__ == "__main__":
    _main()
