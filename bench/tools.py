"""The ways to run a command that are compared: natively, under parrot_py, and under other tools that trace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.site import FQRN, ROOT, Site, Trouble

PINNED, FREE = "pinned", "free"
PLACEMENTS = (PINNED, FREE)


@dataclass(frozen=True)
class Tool:
    """One way to run: the words in front of the command, and whether it can show the tree under /cvmfs."""

    name: str
    prefix: tuple[str, ...]
    shows_cvmfs: bool

    def run(self, command: list[str], placement: str = FREE, timeout: float = 120) -> str:
        """Run *command* this way, tracer and job on one CPU if *placement* says so; its standard output."""
        return run([*self.prefix, *command], placement, timeout)


def run(command: list[str], placement: str = FREE, timeout: float = 120) -> str:
    """Run a command line in a session of its own, so that a run that hangs is ended with all its children."""
    one_cpu = {min(os.sched_getaffinity(0))}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=partial(os.sched_setaffinity, 0, one_cpu) if placement == PINNED else None,
    )
    try:
        out, complaints = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Trouble(f"no end after {timeout:.0f} s") from error
    if process.returncode:
        last = (complaints.strip() or "no message").splitlines()[-1]
        raise Trouble(f"status {process.returncode}: {last}")
    return out


def parrot(site: Site, *options: str) -> tuple[str, ...]:
    """The words that start parrot_run for *site*; without a repository if none was published."""
    repository = ("-r", site.repository) if site.repository else ()
    return (str(ROOT / "bin" / "parrot_run"), "-t", str(site.work / "temp"), *repository, *options, "--")


def available(site: Site) -> tuple[list[Tool], list[str]]:
    """The tools of this machine that work here, native first, and a line about each that does not."""
    bind = f"{site.plain}:/cvmfs/{FQRN}"
    candidates = [
        Tool("native", (), False),
        Tool("parrot_py", parrot(site), bool(site.repository)),
        Tool("proot", ("proot", "-b", bind), True),
        Tool("strace", ("strace", "-f", "--seccomp-bpf", "-e", "trace=%file", "-o", "/dev/null"), False),
    ]
    tools: list[Tool] = []
    missing: list[str] = []
    for tool in candidates:
        if tool.prefix and shutil.which(tool.prefix[0]) is None:
            missing.append(f"{tool.name}: not installed")
            continue
        try:
            tool.run(["/bin/true"], timeout=60)
        except Trouble as trouble:
            missing.append(f"{tool.name}: does not work here: {trouble}")
            continue
        try:
            if tool.shows_cvmfs:
                tool.run(["cat", str(site.virtual / "small")], timeout=60)
        except Trouble as trouble:
            missing.append(f"{tool.name}: shows no /cvmfs here: {trouble}")
            tool = replace(tool, shows_cvmfs=False)
        tools.append(tool)
    return tools, missing


def path_for(tool: Tool, site: Site, path: Path, on_cvmfs: bool) -> str | None:
    """What *path* below the plain tree is called for *tool*; None if this tool can't show /cvmfs.

    The native side of a /cvmfs row is the same file on its plain copy.
    """
    if not on_cvmfs or tool.name == "native":
        return str(path)
    if not tool.shows_cvmfs:
        return None
    return str(site.virtual / path.relative_to(site.plain))
