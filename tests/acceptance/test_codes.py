"""Messages as they are really printed end in their codes; the log's are in tests/faults/test_fault_codes.py."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from parrot_py import codes
from parrot_py.codes import ALL, Code
from tests.acceptance.test_hosts import PTRACE, forbidding
from tests.support.hosts import command_under
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot

MakeParrot = Callable[..., Parrot]


def code_at_the_end(told: Outcome) -> Code:
    found = re.search(rb" \[(PP\d+)\]\n\Z", told.stderr)
    assert found is not None, told
    assert told.stderr.count(b"\n") == 1, told
    return next(code for code in ALL if code == found[1].decode())


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--no-such-option"], codes.BAD_OPTION),
        (["--ext-image", "a=/b"], codes.REFUSED_OPTION),
        (["-T", "soon"], codes.BAD_VALUE),
        (["-d", "nonsense"], codes.BAD_VALUE),
        (["-p", "ftp://h"], codes.BAD_PROXY),
        (["-r", "x/y/../z.parrot.test:url=http://h"], codes.BAD_LIST),
        (["-r", "x.parrot.test:nonsense=1,url=http://h/x"], codes.BAD_REPOSITORY_OPTION),
        (["-r", "x.parrot.test:url=http://h/x,pubkey=/no/such/key"], codes.CONFIG_FILE),
        (["-m", "/no/such/file"], codes.CONFIG_FILE),
        (["-M", "nothing"], codes.BAD_MOUNT),
        (["-o", "/no/such/directory/log"], codes.OUTPUT_FILE),
        (["-w", "/no/such/directory"], codes.WORK_DIR),
        (["-t", "/proc/nowhere"], codes.TEMPDIR),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_starts_nothing(parrot: MakeParrot, options: list[str], code: Code) -> None:
    told = parrot().run(["true"], options=options)
    assert (told.status, code_at_the_end(told)) == (1, code)


def test_commands_that_do_not_start(parrot: MakeParrot, home: Path) -> None:
    run = parrot()
    assert run.run([]).stdout.endswith(f" [{codes.NO_COMMAND}]\n".encode())
    (home / "plain").write_text("no program")
    for command, status in (("/no/such/program", 127), (f"{home}/plain", 126)):
        told = run.run([command])
        assert (told.status, code_at_the_end(told)) == (status, codes.NOT_STARTED)


@pytest.mark.parametrize(
    ("number", "code"), [(errno.EPERM, codes.NO_TRACING), (errno.ENOSYS, codes.NO_PTRACE)], ids=["EPERM", "ENOSYS"]
)
def test_a_host_that_forbids_tracing(parrot: MakeParrot, number: int, code: Code) -> None:
    run = parrot()
    told = command_under(run, run.command(["true"]), forbidding((PTRACE, number)))
    assert (told.status, code_at_the_end(told)) == (125, code)


def test_the_doctor_names_codes(parrot: MakeParrot) -> None:
    run = parrot()
    told = command_under(run, run.command([], ["--doctor"])[:-1], forbidding((PTRACE, errno.EPERM)))
    lines = [line for line in told.stdout.decode().splitlines() if line.startswith("XX")]
    assert told.status == 1
    assert lines
    assert all(re.search(r" \[PP2\d\d\]$", line) for line in lines), lines
