"""The program behind bin/test: ruff, mypy, vermin, C warnings, then the test suite, then one closing line.

The checkout and its set-up may belong to somebody else (root made them, uid 65534 runs the tests): caches are kept
only where they can be written.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from helpers import again, pytests, sanitizing
from helpers.pytests import NOTHING_SELECTED, Result
from helpers.say import SetupError

NOBODY = 65534
VERMIN_FLAGS = ("--no-tips", "--violations", "--target=3.9-", "parrot_py", "bin/helpers")
C_FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-c")
ONE_PROCESS = ("-n", "--numprocesses", "--pdb", "--trace", "-s", "--capture", "--co", "--collect-only", "--lf", "--sw")

DESCRIPTION = """\
Check this checkout: ruff, mypy --strict, vermin, C warnings, then pytest.  Every other argument is handed to pytest:
bin/test -k walk, bin/test tests/unit.  A selection of tests leaves out the checks before them, like --quick."""


@dataclass
class Plan:
    """What was asked for, and where things are."""

    root: Path
    setup: Path
    scratch: Path
    marks: list[str]
    as_nobody: bool
    pytest: list[str]
    rerun: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("passed", "failed", "skipped"), 0))
    unsteady: list[str] = field(default_factory=list)

    @property
    def python(self) -> list[str]:
        """The command that starts the Python of the set-up."""
        return [sys.executable, "-I", *(f"-X{key}={value}" for key, value in sys._xoptions.items())]

    def cache(self, tool: str) -> Path | None:
        """A directory for the tool's cache, or None when this user can't keep one."""
        return self.setup / "cache" / tool if os.access(self.setup, os.W_OK) and not self.as_nobody else None


def main() -> int:
    """Run what the arguments ask for; the exit status is 0 only if all of it went well."""
    parser = argparse.ArgumentParser(prog="bin/test", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--setup", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--slow", action="store_true", help="also the tests marked slow")
    parser.add_argument("--compat", action="store_true", help="only the long tests with big programs, marked compat")
    parser.add_argument("--stress", action="store_true", help="only the tests that run for minutes, marked stress")
    parser.add_argument("--sanitize", action="store_true", help="tests of the engine, with ASan and UBSan in it")
    parser.add_argument("--quick", action="store_true", help="only pytest: no style, no types, no C warnings")
    parser.add_argument("--lint", action="store_true", help="only style, types, the oldest Python and C warnings")
    parser.add_argument("--no-rerun", action="store_true", help="a test that fails once has failed")
    parser.add_argument("--as-nobody", action="store_true", help="as root: run pytest as uid 65534, no capabilities")
    hear_signals()
    arguments = sys.argv[1:]
    arguments.remove("--")  # bin/test puts it before the caller's arguments, and pytest's may begin with dashes too
    options, rest = parser.parse_known_args(arguments)
    if options.as_nobody and os.geteuid() != 0:
        parser.error("--as-nobody changes the user, which only root can")
    with tempfile.TemporaryDirectory(prefix="parrot_py-test-") as scratch:
        plan = Plan(options.root, options.setup, Path(scratch), selection(options), options.as_nobody, rest)
        plan.rerun = not (rest or options.sanitize or options.no_rerun)  # who selects tests wants to see what they do
        try:
            part = options.quick or options.as_nobody or options.compat or options.stress or options.sanitize
            if options.lint or not (part or rest):
                lint(plan)
            if options.sanitize:
                plan.environment = sanitizing.environment(plan.root, plan.setup, plan.scratch)
                plan.pytest = [*sanitizing.PYTEST, *(rest or ["tests/engine"])]
            if not options.lint:
                suite(plan)
        except KeyboardInterrupt:
            plan.failed.append("interrupted: not all of it was run, so it")
        except SetupError as error:
            plan.failed.append(f"the set-up: {error}; it")
    if plan.unsteady:
        again.tell(plan.unsteady)
    for name in plan.failed:
        print(f"bin/test: {name} failed")
    if not options.lint:
        print("total: " + ", ".join(f"{number} {name}" for name, number in plan.counts.items()))
    return 1 if plan.failed else 0


def hear_signals() -> None:
    """Undo what nohup or a background job of a shell leaves: tests are about these signals, and hand them on."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP, signal.SIGCHLD):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def selection(options: argparse.Namespace) -> list[str]:
    """The marks of the tests that are to run, each a term of pytest's -m."""
    chosen = [mark for mark in ("compat", "stress") if getattr(options, mark)]
    if chosen:
        return ["(" + " or ".join(chosen) + ")"]
    return ["not compat", "not stress", *([] if options.slow else ["not slow"])]


def step(plan: Plan, name: str, command: Sequence[str]) -> int:
    """Run one check with its heading and time; its status."""
    print(f"== {name}", flush=True)
    started = time.monotonic()
    status = subprocess.run(command, cwd=plan.root, check=False).returncode
    print(f"== {name}: {'ok' if status == 0 else f'status {status}'}, {time.monotonic() - started:.1f} s", flush=True)
    return status


def lint(plan: Plan) -> None:
    """The checks that run nothing: style, types, what the C compiler has to say."""
    ruff_cache, mypy_cache = plan.cache("ruff"), plan.cache("mypy")
    commands = {
        "ruff": [*plan.python, "-m", "ruff", "check", f"--cache-dir={ruff_cache}" if ruff_cache else "--no-cache"],
        "mypy": [*plan.python, "-m", "mypy", f"--cache-dir={mypy_cache or os.devnull}"],
        "oldest Python": [*plan.python, "-c", "import vermin; vermin.main()", *VERMIN_FLAGS],
    }
    for name, command in commands.items():
        if step(plan, name, command):
            plan.failed.append(name)
    places = ("parrot_py/engine/src", "bench", "bin/helpers/single/head")
    sources = [path for place in places for path in plan.root.glob(f"{place}/*.c")]
    compiler = [os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), "cc"), *C_FLAGS]
    print(f"== C warnings in {len(sources)} files", flush=True)
    for source in sorted(sources):
        command = [*compiler, f"-I{source.parent}", str(source), "-o", str(plan.scratch / "object.o")]
        if subprocess.run(command, check=False).returncode:
            plan.failed.append(f"C warnings: {source.relative_to(plan.root)}")


def suite(plan: Plan) -> None:
    """Pytest: what measures or counts runs alone, what can run side by side on two workers."""
    given = [argument.split("=")[0] for argument in plan.pytest]
    if "-m" in given or any(name in given for name in ONE_PROCESS):
        chosen = [] if "-m" in given else ["-m", " and ".join(plan.marks)]
        phases = [("tests", chosen)]
    else:
        side_by_side = ["-n", "2", "--dist", "loadfile", "-m", " and ".join([*plan.marks, "not serial"])]
        phases = [("serial tests", ["-m", " and ".join([*plan.marks, "serial"])]), ("tests", side_by_side)]
    results = {name: pytest(plan, name, [*options, *plan.pytest]) for name, options in phases}
    if all(result.status == NOTHING_SELECTED for result in results.values()):
        plan.failed.append("the selection of tests (nothing matches)")
    elif plan.rerun:
        plan.unsteady = again.only_unsteady([*results.values()], lambda name, names: pytest(plan, name, names))
    if not plan.unsteady:
        plan.failed += [name for name, result in results.items() if not result.good]
    for result in results.values():
        count(plan, result)


def pytest(plan: Plan, name: str, options: Sequence[str]) -> Result:
    """One run of pytest."""
    report, failures = plan.scratch / "report.xml", plan.scratch / "failures"
    for left in (report, failures):
        left.unlink(missing_ok=True)
    cache = plan.cache("pytest")
    keep = [f"-ocache_dir={cache}"] if cache else ["-pno:cacheprovider"]
    home = plan.scratch / "home"
    home.mkdir(exist_ok=True)
    environment = [f"HYPOTHESIS_STORAGE_DIRECTORY={plan.cache('hypothesis') or home / 'hypothesis'}"]
    environment.append(f"{pytests.VARIABLE}={failures}")
    user: list[str] = []
    if plan.as_nobody:
        environment.append(f"HOME={home}")
        for directory in (plan.scratch, home):
            os.chown(directory, NOBODY, NOBODY)
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        user += ["--inh-caps=-all", "--bounding-set=-all"]
    environment += [f"{name}={value}" for name, value in plan.environment.items()]
    notes = [*keep, f"-p{pytests.PLUGIN}", f"--junitxml={report}"]
    status = step(plan, name, [*user, "env", *environment, *plan.python, "-m", "pytest", *notes, *options])
    return pytests.read(status, report, failures)


def count(plan: Plan, result: Result) -> None:
    """Add the numbers of a run; tests that are merely unsteady have passed."""
    counts = dict(result.counts)
    if plan.unsteady:
        counts["passed"] += len(result.failures)
        counts["failed"] = 0
    for name, number in counts.items():
        plan.counts[name] += number
