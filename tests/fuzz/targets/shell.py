"""Configuration files of sites, in the language of the shell; some come with a configuration repository."""

from __future__ import annotations

from parrot_py.config import option_files
from parrot_py.config.shell import Shell
from tests.fuzz.target import Target

SCRIPT, OTHER = "/etc/cvmfs/default.conf", "/etc/cvmfs/default.local"
_LONGEST = 64 << 10
_MOST_WARNINGS = 101


class _Files:
    """Two files: the input, and a good one."""

    def __init__(self, data: bytes) -> None:
        self._content = {SCRIPT: data, OTHER: b"CVMFS_HTTP_PROXY=DIRECT\nexport OTHER=${CVMFS_CACHE_BASE:-/tmp}\n"}

    def read(self, path: str) -> bytes:
        if path not in self._content:
            raise FileNotFoundError(2, "No such file", path)
        return self._content[path]

    def kind(self, path: str) -> str:
        return "file" if path in self._content else "directory" if path == "/etc/cvmfs" else ""

    def size(self, path: str) -> int:
        return len(self._content.get(path, b""))

    def may(self, path: str, mode: int) -> bool:
        return path in self._content and mode != 1

    def glob(self, pattern: str) -> list[str]:
        return sorted(self._content) if "*" in pattern else []


def check(data: bytes) -> None:
    """Any text is run to an end; values are texts of bounded length, and what was not understood is told."""
    warnings: list[str] = []
    values = Shell(_Files(data), warnings.append).run(SCRIPT, {"HOME": "/root", "CVMFS_FQRN": "a.test"})
    for value in values.values():
        assert len(value.text) <= _LONGEST
        assert value.path in (SCRIPT, OTHER)
    assert len(warnings) <= _MOST_WARNINGS
    assert all("\n" not in warning and len(warning) < 600 for warning in warnings)
    option_files.names(data.decode("utf-8", "surrogateescape"))


WORDS = """
if [ -f /etc/cvmfs/default.local ]; then . /etc/cvmfs/default.local; fi
for i in a b c; do
done
while true; do
case $X in *) ;; esac
${X:-
${X%%*}
${X##
$((1+
$(
`
export X=
readonly X
eval
f() { f; }
&&
||
! [ -z
"$@"
X=$X$X
""".strip()
TARGET = Target(check, 2048, tuple(word.encode() + b"\n" for word in WORDS.split("\n")))
