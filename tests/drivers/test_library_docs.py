"""The examples of docs/library.md do what they say."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "library.md"
EXAMPLES = re.findall(r"<!-- run -->\n\n((?: {4}.*\n|\n)+)", PAGE.read_text())


def test_all_examples_are_found() -> None:
    assert len(EXAMPLES) == PAGE.read_text().count("<!-- run") >= 4


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARROT_TEMP_DIR", str(tmp_path))
    monkeypatch.delenv("PARROT_CVMFS_REPO", raising=False)
    # The first one says what is imported.
    code = textwrap.dedent(EXAMPLES[0]).split("\n")[0] + "\n" + textwrap.dedent(EXAMPLES[number])
    exec(compile(code, str(PAGE), "exec"), {})
    if "print(" in code:
        assert capsys.readouterr().out
