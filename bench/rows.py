"""The rows that compare times: single calls, whole programs, bulk data, the start of a job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.counters import stops_per_call
from bench.measure import Result, alternate
from bench.site import Site, Trouble
from bench.tools import FREE, PINNED, PLACEMENTS, Tool, parrot, path_for

CALLS = ("getppid", "read", "lseek", "stat", "open+close", "fstat", "access", "readlink", "open+read+close")
NO_PATH = ("getppid", "read", "lseek")


@dataclass(frozen=True)
class Setting:
    """How thorough this run is."""

    site: Site
    tools: list[Tool]
    rounds: int
    milliseconds: int
    forks: int
    churns: int
    installed: str | None = None
    """The parrot_run of an installed wheel."""


@dataclass(frozen=True)
class Row:
    """One line of the table: its name, the heading it stands under, and how it is measured."""

    name: str
    group: str
    measure: Callable[[Setting, Result], None]
    unit: str = "ns"

    def run(self, setting: Setting) -> Result:
        """Measure; what goes wrong is in the result, and the other rows go on."""
        result = Result(self.name, self.group, self.unit)
        try:
            self.measure(setting, result)
        except (Trouble, OSError, ValueError) as trouble:
            result.troubles.append(str(trouble))
        return result


def _call(call: str, on_cvmfs: bool) -> Callable[[Setting, Result], None]:
    def measure(setting: Setting, result: Result) -> None:
        site = setting.site

        def sample(tool: Tool, placement: str) -> float | None:
            path = path_for(tool, site, site.plain / "small", on_cvmfs)
            if path is None:
                return None
            command = [site.program("calls"), call, path, "ms", str(setting.milliseconds)]
            return float(tool.run(command, placement))

        alternate(result, setting.tools, PLACEMENTS, setting.rounds, sample)
        if ("parrot_py", FREE) not in result.samples:
            return
        root = site.virtual if on_cvmfs else site.plain
        result.notes["stops"] = stops_per_call(site, [site.program("calls"), call, f"{root}/small", "count"])

    return measure


def _program(
    words: Callable[[Setting, str], list[str]],
    on_cvmfs: bool,
    where: str = "tree",
    program: str = "programs",
    placements: tuple[str, ...] = PLACEMENTS,
) -> Callable[[Setting, Result], None]:
    """A row whose command line is *words* of the path *where*; *program* prints nanoseconds."""

    def measure(setting: Setting, result: Result) -> None:
        site = setting.site

        def sample(tool: Tool, placement: str) -> float | None:
            path = path_for(tool, site, site.plain / where, on_cvmfs)
            if path is None:
                return None
            return float(tool.run([site.program(program), *words(setting, path)], placement, timeout=600)) / 1e6

        # Once for nothing: the page cache and the repository cache are warm for every side alike.
        alternate(Result("", "", ""), setting.tools, (FREE,), 1, sample)
        alternate(result, setting.tools, placements, setting.rounds, sample)

    return measure


def _start(setting: Setting, result: Result) -> None:
    """Wall time of the whole command as a shell would start it, the tool's own start included."""
    _start_with(setting, setting.tools, result)


def _start_installed(setting: Setting, result: Result) -> None:
    """The same for the command of a wheel, which has no shell script in front of it."""
    if setting.installed is None:
        raise Trouble("name the parrot_run of an installed wheel with --installed")
    native = [tool for tool in setting.tools if tool.name == "native"]
    ours = Tool("parrot_py", (setting.installed, *parrot(setting.site)[1:]), shows_cvmfs=True)
    _start_with(setting, [*native, ours], result)


def _start_with(setting: Setting, tools: list[Tool], result: Result) -> None:

    def sample(tool: Tool, placement: str) -> float:
        begin = time.perf_counter()
        tool.run(["/bin/true"], placement)
        return (time.perf_counter() - begin) * 1e3

    alternate(result, tools, PLACEMENTS, max(5, setting.rounds * 2), sample)
    for placement in (PINNED, FREE):
        ours, native = result.median("parrot_py", placement), result.median("native", placement)
        if ours is not None and native is not None:
            result.notes[f"ms over native, {placement}"] = ours - native


def rows() -> Iterator[Row]:
    """The rows that compare times, in the order of the table."""
    for call in CALLS:
        yield Row(call, "one call, native path", _call(call, on_cvmfs=False))
    for call in CALLS:
        if call not in NO_PATH or call == "read":
            yield Row(call, "one call, warm /cvmfs path", _call(call, on_cvmfs=True))
    for on_cvmfs, group in ((False, "programs, native tree"), (True, "programs, warm /cvmfs tree")):
        yield Row("find", group, _program(lambda _, path: ["1", "find", path], on_cvmfs), "ms")
        yield Row("ls -lR", group, _program(lambda _, path: ["1", "ls", "-lR", path], on_cvmfs), "ms")
    group = "programs"
    yield Row("fork+exec /bin/true", group, _program(lambda s, _: [str(s.forks), "/bin/true"], False), "ms")
    yield Row("python3 -c pass", group, _program(lambda _, __: ["5", _python(), "-c", "pass"], False), "ms")
    yield Row("start of /bin/true", group, _start, "ms")
    yield Row("start of /bin/true, wheel", group, _start_installed, "ms")
    for on_cvmfs, group in ((False, "all of a big native file"), (True, "all of a big warm /cvmfs file")):
        for way in ("read", "mmap"):
            words = _bulk_words(way)
            yield Row(way, group, _program(words, on_cvmfs, "big", "bulk", (FREE,)), "ms")


def _bulk_words(way: str) -> Callable[[Setting, str], list[str]]:
    return lambda _, path: [way, path]


def _python() -> str:
    """The system's python3: a shim on PATH is a shell script and would measure that."""
    for name in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if Path(name).exists():
            return name
    return "python3"
