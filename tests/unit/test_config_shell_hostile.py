"""The interpreter of the shell language: no text makes it fail, hang or run anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py.config.files import LocalFiles
from parrot_py.config.shell import Shell
from parrot_py.config.shell.arithmetic import evaluate
from tests.unit.test_config_shell import warned


@pytest.mark.parametrize(
    ("text", "expected", "warning"),
    [
        ("A=1\nA=$(hostname)\nB=2", {"A": "1", "B": "2"}, "script:2: left out: the command 'hostname' is not run"),
        ("A=`date`", {}, "script:1: left out: the command 'date' is not run"),
        ("if [ -f /etc/passwd ] && grep -q x /etc/passwd; then A=1; else A=2; fi", {"A": "2"}, "script:1: left out"),
        ("A=1\nhostname -f\nB=2", {"A": "1", "B": "2"}, "script:2: left out: the command 'hostname' is not run"),
        ("cat /etc/passwd | grep x && A=1 || A=2", {"A": "2"}, "script:1: left out: commands are not run"),
        ("A=1\n. ./missing\nB=2", {"A": "1", "B": "2"}, "script:2: left out: cannot read"),
        ("readonly A=1\nA=2", {"A": "1"}, "script:2: left out: A is read-only"),
        ("A=${B:?not there}\nC=1", {"C": "1"}, "script:1: left out: B: not there"),
        ("A=1\nB='x\n", {"A": "1"}, "script:2: a single quote is not closed; the rest"),
        ('A=1\nB="x\n', {"A": "1"}, "script:2: a double quote is not closed; the rest"),
        ("A=1\nif true; then B=1\n", {"A": "1"}, "script:4: elif or else or fi is missing; the rest"),
        ("A=1\nfi\nB=2", {"A": "1"}, "script:2: not expected: 'fi'; the rest"),
        ("A=1\ncat <<X\nB=2\nX\n", {"A": "1"}, "script:2: here-documents are not supported; the rest"),
        ("A=${B/x/y}", {}, "script:1: this kind of ${…} is not supported; the rest"),
        ("f() { A=1; }\nf\nB=2", {"B": "2"}, "script:1: left out: the function 'f'"),
        ("A=$((1/0))", {}, "script:1: left out: division by zero"),
        ("[ a -eq b ] && A=1\nB=2", {"B": "2"}, "script:1: left out: not a number"),
        ("[ a = a && A=1\nB=2", {"B": "2"}, "script:1: left out: ']' is missing"),
        ("A=1\n. ./script\nB=2", {"A": "1", "B": "2"}, "script:2: left out: files include each other more than"),
        ("while true; do A=x; done", None, "script: still not at its end after"),
        (
            "A=x\nfor i in 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9; do A=$A$A; done",
            None,
            "script:2: left out: A would be",
        ),
        ("eval 'if'", {}, "script:1: left out"),
        (f"A={'x' * 5000}\nB=${{A%%y*}}\nC=1", None, "script: too much work: stopped"),
        (f"A={'x' * 9000}\nwhile true; do B=$A; done", None, "script: too much work: stopped"),
    ],
)
def test_what_is_left_out_is_told_by_file_and_line(
    text: str, expected: dict[str, str] | None, warning: str, tmp_path: Path
) -> None:
    found, warnings = warned(tmp_path, text)
    assert warnings[0].startswith(warning)
    if expected is not None:
        assert found == expected


def test_the_same_is_told_once(tmp_path: Path) -> None:
    _, warnings = warned(tmp_path, "for i in 1 2 3; do hostname; done\nhostname")
    assert [line.split(":")[1] for line in warnings] == ["1", "2"]
    _, warnings = warned(tmp_path, "hostname\n" * 500)
    assert len(warnings) == 100


def test_a_command_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for text in (f"touch {mark}", f"A=$(touch {mark})", f"A=`touch {mark}`", f": > {mark}", f"eval 'touch {mark}'"):
        warned(tmp_path, text)
        assert not mark.exists()


def test_deep_nesting_ends(tmp_path: Path) -> None:
    for text in ("(" * 5000, "if true; then " * 5000, "A=" + "${B:-" * 5000, "A=$((" * 3000, "[ " + "! " * 5000 + "]"):
        warned(tmp_path, text)
    warned(tmp_path, "A=$((" + "(" * 450 + "1" + ")" * 450 + "))")


def test_a_huge_file_is_left_out(tmp_path: Path) -> None:
    _, [warning] = warned(tmp_path, "A=1\n" * 300_000)
    assert "larger than a megabyte" in warning


@pytest.mark.parametrize("text", ["", "  ", "1 +", "(1", "1 2", "$", "1 ? 2", "a b", "09", "1" * 40, "+", ")"])
def test_arithmetic_is_right_or_refused(text: str) -> None:
    if text.strip():
        with pytest.raises(ValueError, match=r".+"):
            evaluate(text, {})
    else:
        assert evaluate(text, {}) == 0


_PIECES = r"""
    if then else elif fi case in esac for do done while until { } ( ) ; ;; & && | || ! [ ] = != -n -z -f A= B=1 $A ${A:-
    ${A} $( ` " ' \ # $(( )) + 1 x * export readonly unset eval . return break exit < > 2>&1 ${A#*.} $? $RANDOM
"""
_WORDS = st.sampled_from([*_PIECES.split(), "\n", "\t", " "])


@settings(deadline=None, derandomize=True, max_examples=400)
@given(st.lists(_WORDS, max_size=25).map(" ".join) | st.text(max_size=60) | st.lists(_WORDS, max_size=15).map("".join))
def test_any_text_is_understood_or_told(text: str) -> None:
    class Files(LocalFiles):
        def read(self, path: str) -> bytes:
            if path != "/script":
                raise FileNotFoundError(2, "No such file", path)
            return text.encode("utf-8", "surrogatepass")

    warnings: list[str] = []
    Shell(Files(), warnings.append).run("/script", {"A": "a b"})
    assert all(line.startswith("/script:") for line in warnings)


def test_warnings_are_bounded_in_length(tmp_path: Path) -> None:
    """Found by fuzzing: the name of a command can be as long as a value."""
    text = "X=aaaaaaaaaaaaaaaa\nfor i in 1 2 3 4 5 6 7 8 9 10; do X=$X$X; done\nnosuch$X\n"
    _, warnings = warned(tmp_path, text)
    assert len(warnings) == 1
    assert len(warnings[0]) < 600
