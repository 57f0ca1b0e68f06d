"""A session of some hundred everyday commands says the same natively and under parrot_run, to the byte.

The commands read the tree of the repository and, once more, a copy of it in a writable native directory.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.support import tree
from tests.twins.conftest import Twins

TEXT = Path(__file__).with_name("scripts") / "session.txt"
COPIED = (
    "attributes bin big.bin dir deep emptydir empty fifo fraction.txt hard hello.txt include links make many modes"
    " names old.txt readonly same script.sh sizes src zeros.bin"
)
OPTIONAL = {
    "ar", "bc", "bzip2", "cpio", "ed", "file", "git", "jq", "look", "make", "patch", "perl", "strings", "xxd", "xz",
    "zstd",
}  # fmt: skip
STEP = """step() {
    echo "\\$ $1"
    (eval "$1") 2>&1
    echo "[$?]"
}
export D
"""


def sections() -> dict[str, list[str]]:
    """The commands by the headings of the file."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"(?m)^# (?=coreutils|a tree|find|grep|bash|arch|diff|util|perl)", TEXT.read_text())[1:]:
        heading, *lines = part.splitlines()
        found[heading] = [line for line in lines if line and not line.startswith("#")]
    return found


def usable(command: str) -> bool:
    """Whether the programs that a machine may lack are here, as far as *command* uses them."""
    words = set(re.findall(r"[\w.]+", command))
    return all(shutil.which(name) for name in OPTIONAL & words)


def session(where: str) -> str:
    """The script: *where* sets D."""
    commands = [command for part in sections().values() for command in part if usable(command)]
    return STEP + where + "cd ~\n" + "\n".join(f"step {shlex.quote(command)}" for command in commands) + "\ntrue"


def test_there_are_enough_commands() -> None:
    commands = [command for part in sections().values() for command in part]
    assert len(commands) == len(set(commands)) >= 300
    assert len(sections()) == 11


IN_THE_TREE = "D=$R\n"
IN_A_COPY = f"D=$HOME/here\nmkdir $D\n(cd $R && cp -a {COPIED} $D)\n"


@pytest.mark.parametrize("where", [IN_THE_TREE, IN_A_COPY], ids=["tree", "copy"])
def test_session(twins: Twins, where: str) -> None:
    told = twins.shell(session(where), timeout=240).stdout
    assert told.count(b"\n[0]\n") > 200, "most of the commands succeed"
    assert tree.TOP.encode() in told
