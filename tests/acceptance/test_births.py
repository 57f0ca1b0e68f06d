"""Children that run, and start programs, before the tracer hears of their birth: they are served as all others are."""

from __future__ import annotations

import pytest

from tests.engine.programs import engine_program
from tests.support import tree
from tests.support.parrot import Parrot, environment

TIMES = 5
BY_FORK = f"""\
cd {tree.TOP}/dir && for i in {" ".join(map(str, range(TIMES)))}; do
    /bin/cat {tree.TOP}/hello.txt
    read -r line < {tree.TOP}/hello.txt && echo "$line"
done
"""
BY_VFORK = f"""\
import os
open("{tree.TOP}/hello.txt").close()
for _ in range({TIMES}):
    os.waitpid(os.posix_spawn("/bin/cat", ["cat", "{tree.TOP}/hello.txt"], os.environ), 0)
    with open("{tree.TOP}/hello.txt") as file:
        print(file.read(), end="", flush=True)
"""
JOBS = {"fork": ["bash", "-c", BY_FORK], "vfork": ["/usr/bin/python3", "-c", BY_VFORK]}


@pytest.mark.parametrize("options", [[], ["--no-seccomp"]], ids=["seccomp", "no-seccomp"])
@pytest.mark.parametrize("how", JOBS)
def test_the_news_of_a_birth_is_late(run: Parrot, how: str, options: list[str]) -> None:
    """What the maker's memory had of ours is not in the program that the child has started meanwhile."""
    late = engine_program("late_news", "-shared", "-fPIC")
    told = run.run(JOBS[how], options=options, env=environment(run.home, {"LD_PRELOAD": str(late)}))
    assert (told.status, told.stdout, told.stderr) == (0, b"hello, world\n" * 2 * TIMES, b""), told
    assert told.log == b"", told
